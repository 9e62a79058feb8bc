//! The headers of a record, packed behind its key and value.

use super::ABSENT_LEN;

/// One header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Its name: bytes that should be UTF-8.
    pub key: &'a [u8],
    /// Its value; `None` differs from an empty value.
    pub value: Option<&'a [u8]>,
}

/// Iterates over a record's headers in order.
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    pub(super) packed: &'a [u8],
}

impl<'a> Headers<'a> {
    fn length(&mut self) -> Option<u32> {
        let (head, rest) = self.packed.split_first_chunk::<4>()?;
        self.packed = rest;
        Some(u32::from_le_bytes(*head))
    }

    fn take(&mut self, len: u32) -> Option<&'a [u8]> {
        let (head, rest) = self.packed.split_at_checked(len as usize)?;
        self.packed = rest;
        Some(head)
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        let key_len = self.length()?;
        let value_len = self.length()?;
        let key = self.take(key_len)?;
        let value = if value_len == ABSENT_LEN { None } else { Some(self.take(value_len)?) };
        Some(Header { key, value })
    }
}
