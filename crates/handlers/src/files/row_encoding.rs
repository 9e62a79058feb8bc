//! The encoding of rows in a part file that will become Parquet, whose columns cannot be appended to. Each cell is a
//! tag and its data.

use std::io::{self, Read};

use super::cell::Cell;

const NULL: u8 = 0;
const BYTES: u8 = 1;
const LONG: u8 = 2;
const DOUBLE: u8 = 3;
const FALSE: u8 = 4;
const TRUE: u8 = 5;

/// A decoded cell. Text is decoded as bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum DecodedCell {
    Null,
    Bytes(Vec<u8>),
    Long(i64),
    Double(f64),
    Boolean(bool),
}

/// Appends a row.
///
/// # Errors
/// A cell has 4 GiB or more, which no record has.
pub(super) fn append<'a>(out: &mut Vec<u8>, cells: impl IntoIterator<Item = Cell<'a>>) -> Result<(), String> {
    for cell in cells {
        match cell {
            Cell::Null => out.push(NULL),
            Cell::Text(text) => append_bytes(out, text.as_bytes())?,
            Cell::Bytes(bytes) => append_bytes(out, &bytes)?,
            Cell::Long(number) => {
                out.push(LONG);
                out.extend_from_slice(&number.to_le_bytes());
            }
            Cell::Double(number) => {
                out.push(DOUBLE);
                out.extend_from_slice(&number.to_le_bytes());
            }
            Cell::Boolean(value) => out.push(if value { TRUE } else { FALSE }),
        }
    }
    Ok(())
}

fn append_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), String> {
    let length = u32::try_from(bytes.len()).map_err(|_| "a cell is larger than 4 GiB")?;
    out.push(BYTES);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

/// Reads the next cell.
///
/// # Errors
/// There is none, or it is incomplete.
pub(super) fn read(input: &mut impl Read) -> io::Result<DecodedCell> {
    let [tag] = array(input)?;
    Ok(match tag {
        NULL => DecodedCell::Null,
        BYTES => {
            let length = u32::from_le_bytes(array(input)?);
            let mut bytes = Vec::new();
            // Read in steps, so that a wrong length allocates no memory.
            input.take(length.into()).read_to_end(&mut bytes)?;
            if bytes.len() != length as usize {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            DecodedCell::Bytes(bytes)
        }
        LONG => DecodedCell::Long(i64::from_le_bytes(array(input)?)),
        DOUBLE => DecodedCell::Double(f64::from_le_bytes(array(input)?)),
        FALSE => DecodedCell::Boolean(false),
        TRUE => DecodedCell::Boolean(true),
        other => return Err(io::Error::new(io::ErrorKind::InvalidData, format!("unknown tag {other}"))),
    })
}

fn array<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read_back_and_incomplete_ones_are_errors() {
        let cells = [
            Cell::Null,
            Cell::Text("é".into()),
            Cell::Bytes(b"\xff"[..].into()),
            Cell::Long(-7),
            Cell::Double(0.5),
            Cell::Boolean(true),
        ];
        let mut out = Vec::new();
        append(&mut out, cells).unwrap();
        let mut input = out.as_slice();
        let read_back: Vec<_> = (0..6).map(|_| read(&mut input).unwrap()).collect();
        let expected = [
            DecodedCell::Null,
            DecodedCell::Bytes("é".into()),
            DecodedCell::Bytes(vec![0xff]),
            DecodedCell::Long(-7),
            DecodedCell::Double(0.5),
            DecodedCell::Boolean(true),
        ];
        assert_eq!(read_back, expected);
        assert!(read(&mut input).is_err());
        assert!(read(&mut &out[1..4]).is_err() && read(&mut &[9_u8][..]).is_err());
        assert!(read(&mut &[BYTES, 255, 255, 255, 255, 1][..]).is_err());
    }
}
