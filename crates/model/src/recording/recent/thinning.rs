//! Which entries are dropped when memory runs out.
//!
//! The entries of a kind are segments: a whole entry and the differences from it. After thinning out, the time between
//! two entries is about a fixed share of their age, so that a few hundred entries cover hours.

use crate::recording::{Slot, WHOLE_INTERVAL_MS};

/// The shares of the age that the time between two entries may have, the smallest first, as powers of two.
pub(super) const EXPONENTS: std::ops::RangeInclusive<i32> = -12..=1;

/// Drops entries, but not the first and the last one, as long as the time between two neighbours is at most
/// 2^`exponent` of their age. Where that is longer than a segment, differences are dropped first.
pub(super) fn thin_out<P>(track: &mut Vec<Slot<P>>, exponent: i32) {
    let Some(last) = track.last() else { return };
    let now_ms = last.head.at_ms;
    let mut kept = vec![true; track.len()];
    let mut next_ms = now_ms;
    // Whether a difference from the whole entry that comes next on the way back is kept.
    let mut is_needed = !last.head.is_whole;
    for index in (1..track.len().saturating_sub(1)).rev() {
        let head = track[index].head;
        let longest_ms = share(now_ms - next_ms, exponent);
        let is_coarse = longest_ms >= WHOLE_INTERVAL_MS;
        let older = track[..index].iter().rev().find(|slot| !is_coarse || slot.head.is_whole);
        let gap_ms = next_ms - older.map_or(next_ms, |slot| slot.head.at_ms);
        let is_dense = gap_ms <= longest_ms;
        let is_dropped = if head.is_whole { !is_needed && is_dense } else { is_coarse || is_dense };
        is_needed = if head.is_whole { false } else { is_needed || !is_dropped };
        if is_dropped {
            kept[index] = false;
        } else {
            next_ms = head.at_ms;
        }
    }
    let mut kept = kept.into_iter();
    track.retain(|_| kept.next().unwrap_or(true));
}

/// 2^`exponent` of a time that is not negative.
fn share(ms: i64, exponent: i32) -> i64 {
    if exponent < 0 { ms >> exponent.unsigned_abs() } else { ms.saturating_mul(1 << exponent) }
}

/// Drops the oldest quarter of the segments, at least one.
pub(super) fn drop_oldest<P>(track: &mut Vec<Slot<P>>) {
    let starts = track.iter().enumerate().filter(|(_, slot)| slot.head.is_whole).map(|(index, _)| index);
    let starts: Vec<usize> = starts.collect();
    let end = starts.get((starts.len() / 4).max(1)).copied().unwrap_or(track.len());
    track.drain(..end);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::recording::{EntryHead, EntryKind};

    /// An entry every `step_ms`, and a whole one every [`WHOLE_INTERVAL_MS`]. The payload is the moment of the segment.
    fn track(count: usize, step_ms: i64) -> Vec<Slot<i64>> {
        let mut whole_ms = None;
        let moments = (0..).map(|index| index * step_ms).take(count);
        let slot = |at_ms| {
            let is_whole = whole_ms.is_none_or(|whole_ms| at_ms - whole_ms >= WHOLE_INTERVAL_MS);
            let whole = if is_whole { *whole_ms.insert(at_ms) } else { whole_ms.unwrap_or(at_ms) };
            let head = EntryHead { kind: EntryKind::Snapshot, at_ms, is_whole, has_mark: false };
            Slot { head, payload: whole }
        };
        moments.map(slot).collect()
    }

    fn moments(track: &[Slot<i64>]) -> Vec<i64> {
        track.iter().map(|slot| slot.head.at_ms).collect()
    }

    proptest! {
        #[test]
        fn gaps_grow_with_age_and_differences_keep_their_whole_entry(
            count in 1..3_000_usize,
            step_ms in 50..3_000_i64,
            exponents in prop::collection::vec(EXPONENTS, 1..4),
        ) {
            let mut slots = track(count, step_ms);
            let all = moments(&slots);
            for exponent in &exponents {
                thin_out(&mut slots, *exponent);
            }
            let kept = moments(&slots);
            prop_assert_eq!((kept.first(), kept.last()), (all.first(), all.last()));
            let largest = exponents.iter().copied().max().unwrap();
            for pair in kept.windows(2) {
                let allowed_ms = share(all[all.len() - 1] - pair[1], largest) + WHOLE_INTERVAL_MS + step_ms;
                prop_assert!(pair[1] - pair[0] <= allowed_ms, "{pair:?}, {allowed_ms}");
            }
            let wholes: Vec<i64> =
                slots.iter().filter(|slot| slot.head.is_whole).map(|slot| slot.payload).collect();
            for slot in &slots {
                let base = wholes.iter().rev().find(|whole| **whole <= slot.head.at_ms);
                prop_assert_eq!(base, Some(&slot.payload));
            }
        }
    }

    #[test]
    fn an_hour_becomes_a_few_hundred_entries() {
        let mut slots = track(36_000, 100);
        thin_out(&mut slots, -6);
        assert!((300..900).contains(&slots.len()), "{}", slots.len());
        let dense = slots.iter().filter(|slot| slot.head.at_ms > 3_594_000).count();
        assert!(dense >= 59, "the last seconds are whole: {dense}");
    }

    #[test]
    fn events_are_dropped_from_the_oldest_on() {
        let mut slots = track(400, 100);
        drop_oldest(&mut slots);
        assert_eq!(moments(&slots).first(), Some(&(2 * WHOLE_INTERVAL_MS)));
        let mut one = track(3, 100);
        drop_oldest(&mut one);
        assert!(one.is_empty());
        drop_oldest(&mut one);
    }
}
