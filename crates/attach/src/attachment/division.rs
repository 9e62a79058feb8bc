//! Settings of a run that several processes share: each process gets its part of them.

use std::num::NonZeroU64;

use kreplay_model::{
    control::Command,
    domain::{Concurrency, RateLimit},
};

/// The command for each of several processes, so that the number of workers and the limit of all together are those of
/// the command. Each has at least one worker and a limit of 1. Other commands are the same for all.
pub(super) fn divide(command: &Command, processes: usize) -> Vec<Command> {
    let part = |total: u64, place: u64| {
        let count = u64::try_from(processes).unwrap_or(u64::MAX).max(1);
        (total / count + u64::from(place < total % count)).max(1)
    };
    let limit = |total: NonZeroU64, place| NonZeroU64::MIN.saturating_add(part(total.get(), place) - 1);
    let of = |place: u64| match command {
        Command::SetConcurrency(all) => {
            Concurrency::new(part(u64::from(all.get()), place)).map(Command::SetConcurrency)
        }
        Command::SetRate(Some(RateLimit::Records(all))) => {
            Ok(Command::SetRate(Some(RateLimit::Records(limit(*all, place)))))
        }
        Command::SetRate(Some(RateLimit::Bytes(all))) => {
            Ok(Command::SetRate(Some(RateLimit::Bytes(limit(*all, place)))))
        }
        other => Ok(other.clone()),
    };
    // A part of a valid number is valid.
    (0..).map(of).take(processes).map(|part| part.unwrap_or_else(|_| command.clone())).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn workers(commands: &[Command]) -> Vec<u64> {
        let of = |command: &Command| match command {
            Command::SetConcurrency(workers) => workers.get().into(),
            other => panic!("{other:?}"),
        };
        commands.iter().map(of).collect()
    }

    fn rate(command: &Command) -> u64 {
        let Command::SetRate(Some(RateLimit::Records(rate))) = command else { panic!("{command:?}") };
        rate.get()
    }

    #[test]
    fn twelve_workers_are_four_in_each_of_three_processes_and_the_first_have_what_is_left() {
        let all = |workers| Command::SetConcurrency(Concurrency::new(workers).unwrap());
        assert_eq!(workers(&divide(&all(12), 3)), [4, 4, 4]);
        assert_eq!(workers(&divide(&all(14), 3)), [5, 5, 4]);
        assert_eq!(workers(&divide(&all(1), 3)), [1, 1, 1]);
        assert_eq!(divide(&Command::Pause, 2), [Command::Pause, Command::Pause]);
        assert!(divide(&Command::Pause, 0).is_empty());
    }

    proptest! {
        #[test]
        fn parts_add_up_and_differ_by_one_at_most(total in 1..=u64::MAX, processes in 1..20_usize) {
            let command = Command::SetRate(Some(RateLimit::Records(NonZeroU64::new(total).unwrap())));
            let parts: Vec<u64> = divide(&command, processes).iter().map(rate).collect();
            prop_assert_eq!(parts.len(), processes);
            let (least, most) = (parts.iter().min().unwrap(), parts.iter().max().unwrap());
            prop_assert!(most - least <= 1);
            let sum: u128 = parts.iter().map(|part| u128::from(*part)).sum();
            prop_assert_eq!(sum, u128::from(total).max(processes as u128));
        }
    }
}
