//! LEB128: variable-length encoding of integers, seven bits per byte, lowest first.

/// Appends a number.
pub fn push(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7F).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap_or(0));
}

/// Takes a number off the front; `None` if the bytes end too early or exceed 64 bits.
pub fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7F);
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Takes an offset or a distance between offsets.
pub fn take_offset(bytes: &mut &[u8]) -> Option<i64> {
    i64::try_from(take(bytes)?).ok()
}

/// Appends rising runs of offsets that do not touch, as distances from `base`.
pub fn push_runs(bytes: &mut Vec<u8>, base: i64, runs: &[(i64, i64)]) {
    push(bytes, runs.len() as u64);
    let mut at = base;
    for &(first, end) in runs {
        push(bytes, first.saturating_sub(at).unsigned_abs());
        push(bytes, end.saturating_sub(first).unsigned_abs());
        at = end;
    }
}

/// Takes the runs that [`push_runs`] appended.
pub fn take_runs(bytes: &mut &[u8], base: i64) -> Option<Vec<(i64, i64)>> {
    let (count, mut at) = (take(bytes)?, base);
    // Each run takes at least two bytes, so a wrong count cannot request more memory than the input has.
    let mut runs = Vec::with_capacity(usize::try_from(count).ok()?.min(bytes.len() / 2));
    for _ in 0..count {
        let first = at.checked_add(take_offset(bytes)?)?;
        at = first.checked_add(take_offset(bytes)?)?;
        runs.push((first, at));
    }
    Some(runs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_read_back(values in prop::collection::vec(any::<u64>().prop_map(|n| n >> (n % 64)), 0..20)) {
            let mut bytes = Vec::new();
            for value in &values {
                push(&mut bytes, *value);
            }
            let mut rest = bytes.as_slice();
            for value in &values {
                prop_assert_eq!(take(&mut rest), Some(*value));
            }
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..40), base in any::<i64>()) {
            let _ = take_runs(&mut bytes.as_slice(), base);
        }
    }
}
