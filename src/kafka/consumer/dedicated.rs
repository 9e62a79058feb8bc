//! Several clients with threads of their own, each for a part of the partitions, so that reading scales with the cores.

/// Which of how many clients reads each partition, where no group decides it.
///
/// `left` is what each partition has left. The heaviest goes first, always to the client with the least so far (Graham's
/// longest processing time first), so that no client is done long before the others. Returns for each client the partitions,
/// as places in `left`; every client has at least one, so that there are at most `clients` of them.
#[must_use]
pub fn share_out(clients: usize, left: &[u64]) -> Vec<Vec<u32>> {
    let count = clients.clamp(1, left.len().max(1));
    let mut heaviest: Vec<(u32, u64)> = (0_u32..).zip(left.iter().copied()).collect();
    heaviest.sort_by_key(|(place, left)| (std::cmp::Reverse(*left), *place));
    let mut shares = vec![(0_u64, Vec::new()); count];
    for (place, left) in heaviest {
        // Ties go to the client with fewer partitions: each of them costs something, even an empty one.
        if let Some(share) = shares.iter_mut().min_by_key(|(load, places)| (*load, places.len())) {
            share.0 = share.0.saturating_add(left);
            share.1.push(place);
        }
    }
    shares.into_iter().map(|(_, places)| places).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_partition_has_one_client_and_no_client_far_more_than_its_part(
            left in prop::collection::vec(0_u64..10_000, 0..60), clients in 1_usize..12,
        ) {
            let shares = share_out(clients, &left);
            let mut all: Vec<u32> = shares.iter().flatten().copied().collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..u32::try_from(left.len()).unwrap()).collect::<Vec<_>>());
            prop_assert_eq!(shares.len(), clients.min(left.len().max(1)));
            let load = |share: &Vec<u32>| share.iter().map(|place| left[*place as usize]).sum::<u64>();
            let heaviest = shares.iter().map(load).max().unwrap_or(0);
            // Graham's bound: the mean and one more partition.
            let bound = left.iter().sum::<u64>() / shares.len() as u64 + left.iter().max().copied().unwrap_or(0) + 1;
            prop_assert!(heaviest <= bound, "{heaviest} > {bound}");
            prop_assert!(left.is_empty() || shares.iter().all(|share| !share.is_empty()));
        }
    }
}
