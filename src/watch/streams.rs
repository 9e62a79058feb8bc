//! Tasks and subtopologies of Kafka Streams groups, as tables.

use kreplay_model::domain::printable;
use kreplay_model::watch::{MemberRow, MemberTasks, StreamsTask, StreamsTasks, StreamsView};

use super::table::Align::Left;
use super::table::aligned;

/// The tasks of each member: those that it has, and those of its target assignment where they differ. `None` if no
/// member has tasks.
pub(super) fn task_table(members: &[MemberRow]) -> Option<String> {
    let rows: Vec<[String; 5]> =
        members.iter().filter_map(|member| Some((member, member.tasks.as_ref()?))).flat_map(rows).collect();
    let titles = [("MEMBER", Left), ("TASKS", Left), ("ACTIVE", Left), ("STANDBY", Left), ("WARM-UP", Left)];
    (!rows.is_empty()).then(|| aligned(titles, &rows, "  "))
}

fn rows((member, tasks): (&MemberRow, &MemberTasks)) -> Vec<[String; 5]> {
    let row = |which: &str, tasks: &StreamsTasks| {
        let name = printable(member.instance_id.as_deref().unwrap_or(&member.member_id)).into_owned();
        [name, which.to_owned(), shown(&tasks.active), shown(&tasks.standby), shown(&tasks.warm_up)]
    };
    let target = (tasks.target != tasks.current).then(|| row("target", &tasks.target));
    std::iter::once(row("current", &tasks.current)).chain(target).collect()
}

fn shown(tasks: &[StreamsTask]) -> String {
    let names: Vec<String> = tasks.iter().map(ToString::to_string).collect();
    if names.is_empty() { "-".to_owned() } else { printable(&names.join(" ")).into_owned() }
}

/// What each subtopology reads and keeps. `None` if the subtopologies are not known.
pub(super) fn topology_table(streams: Option<&StreamsView>) -> Option<String> {
    let parts = streams?.subtopologies.as_ref()?;
    let list = |topics: &[String]| match topics {
        [] => "-".to_owned(),
        topics => printable(&topics.join(" ")).into_owned(),
    };
    let rows: Vec<[String; 4]> = parts
        .iter()
        .map(|part| {
            let id = printable(&part.id).into_owned();
            [id, list(&part.source_topics), list(&part.repartition_topics), list(&part.changelog_topics)]
        })
        .collect();
    let titles = [("SUBTOPOLOGY", Left), ("READS", Left), ("REPARTITIONED", Left), ("CHANGELOGS", Left)];
    (!rows.is_empty()).then(|| aligned(titles, &rows, "  "))
}

#[cfg(test)]
mod tests {
    use kreplay_model::watch::SubtopologyView;

    use super::*;

    fn tasks(active: &[(&str, i32)], standby: &[(&str, i32)]) -> StreamsTasks {
        let list = |tasks: &[(&str, i32)]| {
            let task = |(id, partition): &(&str, i32)| StreamsTask { subtopology: (*id).into(), partition: *partition };
            tasks.iter().map(task).collect()
        };
        StreamsTasks { active: list(active), standby: list(standby), warm_up: Vec::new() }
    }

    #[test]
    fn a_target_is_shown_where_it_differs() {
        let member = |id: &str, current: StreamsTasks, target: StreamsTasks| MemberRow {
            member_id: id.into(),
            tasks: Some(MemberTasks { current, target }),
            ..MemberRow::default()
        };
        let settled = tasks(&[("0", 0), ("1", 2)], &[]);
        let members = [
            member("m-1", settled.clone(), settled),
            member("m-2\u{1b}", tasks(&[], &[("0", 0)]), tasks(&[("0", 1)], &[])),
        ];
        let table = task_table(&members).unwrap();
        let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["m-1", "current", "0_0", "1_2", "-", "-"]);
        assert_eq!(lines[2][1..], ["current", "-", "0_0", "-"]);
        assert_eq!(lines[3][1..], ["target", "0_1", "-", "-"]);
        assert!(lines.len() == 4 && !table.contains('\u{1b}'), "{table}");
        assert_eq!(task_table(&[MemberRow::default()]), None);
    }

    #[test]
    fn subtopologies_are_shown_once_they_are_known() {
        let part = SubtopologyView {
            id: "0".into(),
            source_topics: vec!["orders".into(), "users".into()],
            repartition_topics: Vec::new(),
            changelog_topics: vec!["app-store-changelog".into()],
        };
        let known = StreamsView { subtopologies: Some(vec![part]), not_ready: None };
        let table = topology_table(Some(&known)).unwrap();
        let words: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(words, ["0", "orders", "users", "-", "app-store-changelog"]);
        assert_eq!(topology_table(Some(&StreamsView::default())), None);
        assert_eq!(topology_table(None), None);
    }
}
