//! Migrating old topics into new ones: plan, copy, verify, carry the groups' offsets over.

pub mod cuts;
pub mod ledger;
pub mod translate;
