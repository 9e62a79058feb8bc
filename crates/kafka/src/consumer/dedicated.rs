//! The `dedicated` tier: several clients, each with its own thread and a share of the partitions, so that reading
//! scales with the cores.

/// Assigns partitions to clients when no group does.
///
/// `left` is the number of remaining records per partition. The largest partition goes first, always to the client with
/// the smallest load so far (Graham's longest processing time first), so that all clients finish at about the same
/// time. Returns the partitions of each client as indexes into `left`. Every client gets at least one partition, so the
/// result may have fewer than `clients` entries.
#[must_use]
pub fn share_out(clients: usize, left: &[u64]) -> Vec<Vec<u32>> {
    let count = clients.clamp(1, left.len().max(1));
    let mut heaviest: Vec<(u32, u64)> = (0_u32..).zip(left.iter().copied()).collect();
    heaviest.sort_by_key(|(index, left)| (std::cmp::Reverse(*left), *index));
    let mut shares = vec![(0_u64, Vec::new()); count];
    for (index, left) in heaviest {
        // Ties go to the client with fewer partitions: even an empty partition has a cost.
        if let Some(share) = shares.iter_mut().min_by_key(|(load, indexes)| (*load, indexes.len())) {
            share.0 = share.0.saturating_add(left);
            share.1.push(index);
        }
    }
    shares.into_iter().map(|(_, indexes)| indexes).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_partition_gets_one_client_and_loads_stay_within_grahams_bound(
            left in prop::collection::vec(0_u64..10_000, 0..60), clients in 1_usize..12,
        ) {
            let shares = share_out(clients, &left);
            let mut all: Vec<u32> = shares.iter().flatten().copied().collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..u32::try_from(left.len()).unwrap()).collect::<Vec<_>>());
            prop_assert_eq!(shares.len(), clients.min(left.len().max(1)));
            let load = |share: &Vec<u32>| share.iter().map(|index| left[*index as usize]).sum::<u64>();
            let heaviest = shares.iter().map(load).max().unwrap_or(0);
            // Graham's bound: the mean plus one more partition.
            let bound = left.iter().sum::<u64>() / shares.len() as u64 + left.iter().max().copied().unwrap_or(0) + 1;
            prop_assert!(heaviest <= bound, "{heaviest} > {bound}");
            prop_assert!(left.is_empty() || shares.iter().all(|share| !share.is_empty()));
        }
    }
}
