//! Splits the bytes of a pipe into lines of bounded length.

/// A line exceeds the maximum length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LineTooLong;

/// Buffers received bytes and yields the lines in them.
#[derive(Debug)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    /// Bytes before this index have been returned.
    start: usize,
    /// There is no line feed from `start` up to this index.
    scanned: usize,
    max_line_bytes: usize,
}

impl Lines {
    pub(super) fn new(max_line_bytes: usize) -> Self {
        Self { bytes: Vec::new(), start: 0, scanned: 0, max_line_bytes }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next complete line, without its line feed.
    ///
    /// # Errors
    /// The line is too long, whether complete or not.
    pub(super) fn next(&mut self) -> Option<Result<&[u8], LineTooLong>> {
        let end = self.bytes[self.scanned..].iter().position(|byte| *byte == b'\n').map(|at| self.scanned + at);
        let begin = self.start;
        let length = end.unwrap_or(self.bytes.len()) - begin;
        self.scanned = end.map_or(self.bytes.len(), |end| end + 1);
        if length > self.max_line_bytes {
            return Some(Err(LineTooLong));
        }
        let end = end?;
        self.start = end + 1;
        Some(Ok(&self.bytes[begin..end]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lines_are_complete_however_the_bytes_are_split(
            lines in prop::collection::vec("[a-z]{0,12}", 0..20), cuts in prop::collection::vec(1..9_usize, 1..9),
        ) {
            let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
            let mut found = Vec::new();
            let mut split = Lines::new(12);
            let mut rest = text.as_bytes();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                split.push(now);
                rest = later;
                while let Some(line) = split.next() {
                    found.push(String::from_utf8(line.unwrap().to_vec()).unwrap());
                }
            }
            prop_assert_eq!(found, lines);
            prop_assert_eq!(split.next(), None);
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_reported_before_it_ends() {
        let mut lines = Lines::new(4);
        lines.push(b"abcd\nabc");
        assert_eq!(lines.next(), Some(Ok(&b"abcd"[..])));
        assert_eq!(lines.next(), None);
        lines.push(b"de");
        assert_eq!(lines.next(), Some(Err(LineTooLong)));
        lines.push(b"e\n");
        assert_eq!(lines.next(), Some(Err(LineTooLong)));
    }
}
