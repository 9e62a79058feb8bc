//! Cuts: up to where a group has read each old partition, and the order in which a migration passes them.
//!
//! Old partitions interleave in a new one, so a place in the old has no place in the new, unless exactly the records below it
//! stand first there. So a migration first copies what is below the lowest cut, notes where the new partitions end, then what is
//! below the next, and so on. Cuts that are not ordered cannot all be passed: one of the two then gets the place of what both have
//! in common, and its group reads again what it had read beyond that.

/// One offset for each old partition, in their order.
pub type Cut = Vec<i64>;

/// A group, and up to where it has read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupCut {
    /// Its id.
    pub group: String,
    /// Its committed offsets, or the first one there is where it has none; within the logs.
    pub cut: Cut,
}

/// How a migration passes the cuts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passage {
    /// Where it stops and notes the new ends: each at or above the one before it, and none twice.
    pub stops: Vec<Cut>,
    /// For each group, in the order given, the stop that its offsets are taken from; `None` is the beginning.
    pub stop_of: Vec<Option<usize>>,
    /// For each group, how many offsets lie between that stop and its own cut: it may read so many records again.
    pub again: Vec<u64>,
}

/// Whether everything below one is below the other.
#[must_use]
pub fn is_within(one: &[i64], other: &[i64]) -> bool {
    one.iter().zip(other).all(|(one, other)| one <= other)
}

fn distance(from: &[i64], to: &[i64]) -> u64 {
    from.iter().zip(to).map(|(from, to)| u64::try_from(to.saturating_sub(*from)).unwrap_or(0)).sum()
}

fn common(one: &[i64], other: &[i64]) -> Cut {
    one.iter().zip(other).map(|(one, other)| *one.min(other)).collect()
}

/// The way past the cuts of some groups, from where the logs begin. At most `most` stops are made.
///
/// The group that has read most comes last and is passed exactly; each one before it is brought below the ones after it, which
/// changes nothing where they are ordered.
#[must_use]
pub fn passage(groups: &[GroupCut], begin: &[i64], most: usize) -> Passage {
    let read = |at: usize| distance(begin, &groups[at].cut);
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by_key(|at| (std::cmp::Reverse(read(*at)), groups[*at].group.as_str()));
    let mut chain: Vec<Cut> = Vec::new();
    let mut place: Vec<Option<usize>> = vec![None; groups.len()];
    for at in order {
        let stop = chain.last().map_or_else(|| groups[at].cut.clone(), |above| common(&groups[at].cut, above));
        if distance(begin, &stop) == 0 {
            continue;
        }
        if chain.last() != Some(&stop) {
            if chain.len() >= most {
                // It is brought to the beginning: better twice than not at all.
                continue;
            }
            chain.push(stop);
        }
        place[at] = Some(chain.len() - 1);
    }
    let last = chain.len().saturating_sub(1);
    let stop_of: Vec<Option<usize>> = place.into_iter().map(|at| at.map(|at| last - at)).collect();
    chain.reverse();
    let from = |stop: Option<usize>| stop.map_or(begin, |stop| chain[stop].as_slice());
    let again = groups.iter().zip(&stop_of).map(|(group, stop)| distance(from(*stop), &group.cut)).collect();
    Passage { stops: chain, stop_of, again }
}

/// The last of the noted stops that a group has passed wholly.
#[must_use]
pub fn last_within(stops: &[Cut], cut: &[i64]) -> Option<usize> {
    stops.iter().rposition(|stop| is_within(stop, cut))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn groups(cuts: &[&[i64]]) -> Vec<GroupCut> {
        cuts.iter().enumerate().map(|(at, cut)| GroupCut { group: format!("g{at}"), cut: cut.to_vec() }).collect()
    }

    #[test]
    fn ordered_cuts_are_passed_exactly_and_equal_ones_once() {
        let passage = passage(&groups(&[&[5, 5], &[2, 3], &[5, 5], &[0, 0]]), &[0, 0], 100);
        assert_eq!(passage.stops, [vec![2, 3], vec![5, 5]]);
        assert_eq!(passage.stop_of, [Some(1), Some(0), Some(1), None]);
        assert_eq!(passage.again, [0, 0, 0, 0]);
    }

    #[test]
    fn of_cuts_that_are_not_ordered_the_smaller_one_reads_again() {
        let passage = passage(&groups(&[&[9, 1], &[2, 5]]), &[0, 0], 100);
        assert_eq!(passage.stops, [vec![2, 1], vec![9, 1]]);
        assert_eq!(passage.again, [0, 4]);
    }

    #[test]
    fn where_stops_run_out_groups_begin_again() {
        let passage = passage(&groups(&[&[9], &[5], &[2]]), &[1], 2);
        assert_eq!(passage.stops, [vec![5], vec![9]]);
        assert_eq!((passage.stop_of[2], passage.again[2]), (None, 1));
    }

    proptest! {
        #[test]
        fn no_group_is_taken_beyond_its_cut(
            cuts in prop::collection::vec(prop::collection::vec(3_i64..12, 3), 0..6), most in 1_usize..5,
        ) {
            let begin = [3, 3, 3];
            let cuts: Vec<&[i64]> = cuts.iter().map(Vec::as_slice).collect();
            let groups = groups(&cuts);
            let passage = passage(&groups, &begin, most);
            prop_assert!(passage.stops.len() <= most);
            for pair in passage.stops.windows(2) {
                prop_assert!(is_within(&pair[0], &pair[1]) && pair[0] != pair[1]);
            }
            for (at, group) in groups.iter().enumerate() {
                let stop = passage.stop_of[at].map_or(&begin[..], |stop| &passage.stops[stop]);
                prop_assert!(is_within(stop, &group.cut));
                prop_assert_eq!(passage.again[at], group.cut.iter().sum::<i64>().abs_diff(stop.iter().sum()));
                // What is noted can be found again from the cut alone, and is no worse.
                let found = last_within(&passage.stops, &group.cut);
                prop_assert!(found >= passage.stop_of[at]);
            }
            let ordered = groups.iter().all(|a| groups.iter().all(|b| is_within(&a.cut, &b.cut) || is_within(&b.cut, &a.cut)));
            if ordered && most >= groups.len() {
                prop_assert!(passage.again.iter().all(|again| *again == 0));
            }
        }
    }
}
