//! The columns of a watched group's members.

use std::borrow::Cow;

use kreplay_model::watch::MemberRow;

use super::group_row::signed;
use crate::{
    number::{self, Forms},
    table::{Cell, Column, Kind, TableRow, Value, Width},
    text::{clean, width},
    theme::Role,
};

/// A member of a watched group.
#[derive(Clone, Copy, Debug)]
pub struct GroupMemberRow<'a> {
    /// The member.
    pub member: &'a MemberRow,
    /// Whether the group waits for it to reach its target assignment.
    pub awaited: bool,
}

const BASE: Role = |theme| theme.popup;
const MUTED: Role = |theme| theme.muted;
const MAX_NAME_CELLS: u16 = 48;

impl TableRow for GroupMemberRow<'_> {
    type Key = String;

    fn columns() -> Vec<Column<Self>> {
        vec![Self::sign(), Self::name(), Self::host(), Self::assigned(), Self::target(), Self::epoch(), Self::lag()]
    }

    fn key(&self) -> &String {
        &self.member.member_id
    }

    fn words(&self) -> Vec<Cow<'_, str>> {
        let host = self.member.host.as_deref().unwrap_or_default();
        vec![self.member.name().into(), self.member.member_id.as_str().into(), host.into()]
    }
}

impl GroupMemberRow<'_> {
    fn sign() -> Column<Self> {
        let sign = |row: &Self| match (row.awaited, row.assigned_count()) {
            (true, _) => Cell::name("⇄", |theme| theme.warning),
            (false, Some(0)) => Cell::name("·", MUTED),
            (false, Some(_)) => Cell::name("►", |theme| theme.good),
            (false, None) => Cell::name("?", MUTED),
        };
        Column::new("state", "", Width::fixed(1), sign)
            .joins_next()
            .value(Kind::State, |row| match (row.awaited, row.assigned_count()) {
                (true, _) => Value::text("awaited"),
                (false, Some(0)) => Value::text("idle"),
                (false, Some(_)) => Value::text("active"),
                (false, None) => Value::Unknown,
            })
            .unsorted()
    }

    fn name() -> Column<Self> {
        let width_rule = Width::natural(6, MAX_NAME_CELLS).starting_with(24).shrinking_to(6).growing_to(u16::MAX);
        Column::new("member", "member", width_rule, |row: &Self| Cell::name(clean(&row.member.name()), BASE))
            .measured(|row| width(&clean(&row.member.name())))
            .value(Kind::Text, |row| Value::text(row.member.name()))
    }

    fn host() -> Column<Self> {
        let host = |row: &Self| match row.host_name() {
            Some(host) => Cell::name(clean(host), MUTED),
            None => Cell::name("?", MUTED),
        };
        Column::new("host", "host", Width::natural(5, 40).starting_with(16), host)
            .disappears(2)
            .measured(|row| row.host_name().map_or(1, |host| width(&clean(host))))
            .value(Kind::Text, |row| row.host_name().map_or(Value::Unknown, Value::text))
    }

    fn assigned() -> Column<Self> {
        let count = |row: &Self| match row.assigned_count() {
            Some(count) => Cell::number(number::counts(count), BASE),
            None => Cell::number(Forms::of("?"), MUTED),
        };
        Column::new("partitions", "partitions", Width::fixed(10), count)
            .right()
            .value(Kind::Count, |row| Value::count(row.assigned_count()))
            .largest_first()
    }

    fn target() -> Column<Self> {
        let count = |row: &Self| match row.target_count() {
            Some(count) => Cell::number(number::counts(count), MUTED),
            None => Cell::number(Forms::of("–"), MUTED),
        };
        Column::new("target", "target", Width::fixed(6), count)
            .right()
            .disappears(3)
            .value(Kind::Count, |row| Value::count(row.target_count()))
            .largest_first()
    }

    fn epoch() -> Column<Self> {
        let epoch = |row: &Self| match row.member.epoch {
            Some(epoch) => Cell::number(Forms::of(epoch.to_string()), MUTED),
            None => Cell::number(Forms::of("–"), MUTED),
        };
        Column::new("epoch", "epoch", Width::natural(5, 11), epoch)
            .right()
            .disappears(1)
            .measured(|row| row.member.epoch.map_or(1, |epoch| epoch.to_string().len()))
            .value(Kind::Count, |row| signed(row.member.epoch.map(i64::from)))
    }

    fn lag() -> Column<Self> {
        let lag = |row: &Self| match row.member.lag {
            Some(lag) => Cell::number(number::lags(lag), BASE),
            None => Cell::number(Forms::of("?"), MUTED),
        };
        Column::new("lag", "lag", Width::natural(7, 26).starting_with(9), lag)
            .right()
            .measured(|row| row.member.lag.map_or(1, |lag| number::count_cells(lag.unsigned_abs()) + 1))
            .value(Kind::Count, |row| signed(row.member.lag))
            .largest_first()
    }

    fn assigned_count(&self) -> Option<u64> {
        self.member.assigned.as_ref().map(|partitions| partitions.len() as u64)
    }

    fn target_count(&self) -> Option<u64> {
        self.member.target.as_ref().map(|partitions| partitions.len() as u64)
    }

    fn host_name(&self) -> Option<&str> {
        self.member.host.as_deref().map(|host| host.trim_start_matches('/'))
    }
}
