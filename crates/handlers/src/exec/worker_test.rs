//! Tests with real child processes: shell scripts, correct and faulty ones.

use std::{path::Path, time::Duration};

use kreplay_model::{
    domain::{Secret, SecretFormat, TopicPartition},
    feed::EventLog,
};
use serde_json::Value;

use super::{ExecHandlers, ExecSettings};
use crate::setup::HandlerSetup;
use crate::{Advice, Handler, LaneFailure, LaneRun, PreviewError, RunEnd, RunHandlers, testing::record};

/// A source with one worker.
struct Fixture {
    source: ExecHandlers,
    handler: Option<Box<dyn Handler>>,
    events: EventLog,
    dir: tempfile::TempDir,
}

/// A script that answers each line by the `case "$line" in` clauses in `cases`. `$n` counts lines; `$DIR` is the
/// fixture's directory.
fn answering(cases: &str) -> String {
    format!("n=0; while IFS= read -r line; do n=$((n+1)); printf '%s\\n' \"$line\" >>$DIR/seen; {cases}\ndone")
}

fn fixture_with(script: &str, change: impl FnOnce(&mut ExecSettings)) -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let mut context = HandlerSetup::testing(&[TopicPartition::new("t", 0)]);
    let exec = &mut context.settings.exec;
    exec.environment = vec![
        Secret::plain(SecretFormat::Variable, format!("DIR={}", dir.path().display())),
        Secret::plain(SecretFormat::Variable, "THE_TOKEN=hunter2".into()),
    ];
    exec.timeout = Duration::from_secs(20);
    change(exec);
    let words = ["sh".into(), "-c".into(), script.to_owned()];
    let source = ExecHandlers::open(&words, &context).unwrap();
    let handler = Some(source.make(0));
    Fixture { source, handler, events: context.events.clone(), dir }
}

fn fixture(script: &str) -> Fixture {
    fixture_with(script, |_| ())
}

/// A lane whose records have `v` and their offset as value.
fn lane(number: u32, offsets: std::ops::Range<i64>) -> LaneRun {
    let value = |offset: i64| format!("v{offset}");
    let records = offsets.map(|offset| record(0, offset, None, Some(value(offset).as_bytes()), &[])).collect();
    LaneRun { lane: number, records }
}

impl Fixture {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        self.handler.as_mut().unwrap().handle(batch)
    }

    fn effect(&self, what: &str) -> u64 {
        self.source.effects().iter().find(|effect| effect.what == what).unwrap().count
    }

    fn end(&mut self) {
        self.handler = None;
        self.source.finish(RunEnd::default()).unwrap();
    }

    fn event_texts(&self) -> String {
        self.events.since(0).iter().fold(String::new(), |text, event| text + &event.kind.to_string() + "\n")
    }

    /// The offsets that children received, in order.
    fn seen(&self) -> Vec<i64> {
        let text = std::fs::read_to_string(self.dir.path().join("seen")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["offset"].as_i64().unwrap()).collect()
    }
}

#[test]
fn records_are_acknowledged_in_order_and_failures_stop_their_lane() {
    let mut it = fixture(&answering(
        r#"case "$line" in *'"v1"'*) echo 'error no one';; *'"v11"'*) echo 'retry_after 2 later';; *'"v20"'*) echo 'give_up no';; *) echo ok;; esac"#,
    ));
    let failures = it.handle(&[lane(4, 0..3), lane(5, 10..12), lane(6, 20..25), lane(7, 30..33)]);
    let expected = [
        LaneFailure { run: 0, done: 1, error: "no one".into(), advice: Advice::Retry },
        LaneFailure { run: 1, done: 1, error: "later".into(), advice: Advice::After(Duration::from_secs(2)) },
        LaneFailure { run: 2, done: 0, error: "no".into(), advice: Advice::GiveUp },
    ];
    assert_eq!(failures, expected);
    let mut seen = it.seen();
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 10, 11, 20, 30, 31, 32]);
    assert_eq!((it.effect("acknowledged"), it.effect("refused"), it.effect("children.started")), (5, 3, 1));
    assert_eq!(it.handle(&[lane(4, 40..41)]), []);
    it.end();
    assert_eq!(it.event_texts(), "");
}

#[test]
fn a_registry_that_does_not_answer_blames_no_record() {
    let (context, unreadable) = HandlerSetup::without_registry(&[TopicPartition::new("t", 0)]);
    let source = ExecHandlers::open(&["cat".to_owned()], &context).unwrap();
    let previewed = source.preview().unwrap().preview(&unreadable, &mut Vec::new());
    assert!(matches!(previewed, Err(PreviewError::Unable(_))), "{previewed:?}");
    let failures = source.make(0).handle(&[LaneRun { lane: 0, records: vec![unreadable] }]);
    assert!(matches!(failures[..], [LaneFailure { run: 0, done: 0, advice: Advice::Unable, .. }]), "{failures:?}");
}

#[test]
fn an_input_line_starts_with_number_and_lane() {
    let mut it = fixture(&answering("echo ok"));
    assert_eq!(it.handle(&[lane(9, 7..8)]), []);
    let text = std::fs::read_to_string(it.dir.path().join("seen")).unwrap();
    assert_eq!(
        text,
        "{\"id\":1,\"lane\":9,\"topic\":\"t\",\"partition\":0,\"offset\":7,\"timestamp\":1000,\"key\":null,\"value\":\"v7\",\
         \"headers\":[]}\n"
    );
}

#[test]
fn numbered_answers_may_arrive_in_any_order() {
    let script = answering(
        r#"[ $n = 1 ] && continue; echo "{\"id\":$n,\"ok\":true}"; [ $n = 2 ] && echo '{"id":1,"error":"a"}'"#,
    );
    let failures = fixture(&script).handle(&[lane(0, 0..2), lane(1, 2..5)]);
    assert_eq!(failures.iter().map(|it| (it.run, it.done)).collect::<Vec<_>>(), [(0, 0)]);
}

#[test]
fn large_amounts_in_both_directions_do_not_block() {
    // 2 MB are written before the child answers, and its answers are lines of 1 KB.
    let long = format!("{{\\\"ok\\\":true,\\\"pad\\\":\\\"{}\\\"}}", "x".repeat(1000));
    let mut it = fixture_with(&format!("while read -r line; do echo \"{long}\"; done"), |exec| exec.pipeline = true);
    let value = vec![b'y'; 1000];
    let records = (0..2000).map(|offset| record(0, offset, None, Some(&value), &[])).collect();
    assert_eq!(it.handle(&[LaneRun { lane: 0, records }]), []);
}

#[test]
fn a_child_that_dies_occasionally_fails_no_record() {
    let mut it = fixture(&answering("[ $n = 4 ] && exit 3; echo ok"));
    for round in 0..4 {
        let begin = round * 100;
        let batch: Vec<_> = (0..5).map(|lane_no| lane(0, begin + lane_no * 10..begin + lane_no * 10 + 2)).collect();
        assert_eq!(it.handle(&batch), []);
    }
    assert!(it.effect("children.broken") >= 10, "{}", it.effect("children.broken"));
    let events = it.event_texts();
    assert!(events.contains("exec, worker 0: the command exited (exit status: 3)"), "{events}");
    assert_eq!(it.effect("acknowledged"), 40);
}

#[test]
fn a_record_that_kills_the_child_fails_alone() {
    let mut it = fixture(&answering(
        r#"case "$line" in *'"v10"'*) echo 'bad value, token hunter2' >&2; kill -9 $$;; *) echo ok;; esac"#,
    ));
    let failures = it.handle(&[lane(0, 0..3), lane(1, 10..12), lane(2, 20..23)]);
    assert_eq!(failures.iter().map(|it| (it.run, it.done, it.advice)).collect::<Vec<_>>(), [(1, 0, Advice::Retry)]);
    assert!(failures[0].error.contains("signal: 9"), "{}", failures[0].error);
    assert!(failures[0].error.contains("last stderr line: bad value, token ***"), "{}", failures[0].error);
    assert!(!it.event_texts().contains("hunter2"), "{}", it.event_texts());
}

#[test]
fn a_hanging_child_is_killed_with_its_process_group() {
    let script =
        answering(r#"case "$line" in *'"v0"'*) sleep 600 & echo $! >>$DIR/sleeping; wait;; *) echo ok;; esac"#);
    let mut it = fixture_with(&script, |exec| exec.timeout = Duration::from_millis(400));
    let failures = it.handle(&[lane(0, 0..2), lane(1, 10..12)]);
    assert_eq!(failures.len(), 1);
    assert!(failures[0].error.contains("acknowledged nothing for 400ms"), "{}", failures[0].error);
    it.end();
    let sleeping = std::fs::read_to_string(it.dir.path().join("sleeping")).unwrap();
    assert_eq!(sleeping.lines().count(), 2);
    for pid in sleeping.lines() {
        wait_until_gone(pid);
    }
}

/// Waits until a process is gone, or is a zombie that its parent has not reaped.
fn wait_until_gone(pid: &str) {
    let stat = || std::fs::read_to_string(format!("/proc/{pid}/stat"));
    let deadline = std::time::Instant::now() + Duration::from_secs(90);
    while stat().is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(std::time::Instant::now() < deadline, "process {pid} is still there");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn invalid_acknowledgements_fail_their_record() {
    for (what, part) in [
        ("echo 'handling v1\u{1b}[2J'", "not an acknowledgement (it is none of `ok`"),
        ("echo '{\"level\":\"info\"}'", "neither `ok` nor `error`"),
        ("echo '{\"id\":77,\"ok\":true}'", "acknowledged record 77"),
        ("head -c 100000 /dev/zero", "more than 64 KiB"),
        ("exec >&-; sleep 600", "closed its pipes"),
        ("exit 0", "exited (exit status: 0)"),
    ] {
        let script = answering(&format!(r#"case "$line" in *'"v1"'*) {what};; *) echo ok;; esac"#));
        let mut it = fixture(&script);
        let failures = it.handle(&[lane(0, 0..3)]);
        assert_eq!((failures[0].done, failures[0].advice), (1, Advice::Retry), "{what}");
        assert!(failures[0].error.contains(part), "{what}: {}", failures[0].error);
        assert!(!failures[0].error.contains('\u{1b}'));
        assert!(it.event_texts().contains(part), "{what}: {}", it.event_texts());
    }
}

#[test]
fn secrets_are_masked_however_a_child_repeats_them() {
    for what in [
        // The reason why this is not an acknowledgement quotes the value.
        r#"echo "{\"id\":\"$THE_TOKEN\",\"ok\":true}""#,
        // The secret crosses the limit of the text.
        r#"printf 'error %0496d%s\n' 0 "$THE_TOKEN""#,
    ] {
        let mut it = fixture(&answering(what));
        let failures = it.handle(&[lane(0, 0..1)]);
        let shown = format!("{}{}", failures[0].error, it.event_texts());
        assert!(!shown.contains("hunt") && failures[0].error.contains("***"), "{shown}");
    }
}

#[test]
fn output_between_two_batches_belongs_to_no_record() {
    // The second acknowledgement waits for the end of the batch: if written right after the first, both might be read
    // at once.
    let mut it = fixture(&answering("echo ok; until [ -e $DIR/over ]; do sleep 0.01; done; echo ok; echo >$DIR/both"));
    assert_eq!(it.handle(&[lane(0, 0..1)]), []);
    std::fs::write(it.dir.path().join("over"), "").unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(90);
    while !it.dir.path().join("both").exists() {
        assert!(std::time::Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(5));
    }
    it.handle(&[lane(0, 1..2)]);
    assert!(it.event_texts().contains("it acknowledged a record, but none is in flight"), "{}", it.event_texts());
}

#[test]
fn a_child_that_reads_nothing_is_killed() {
    let value = vec![b'y'; 1 << 20];
    let large = || LaneRun { lane: 0, records: vec![record(0, 0, None, Some(&value), &[])] };
    let mut it = fixture_with("sleep 600", |exec| exec.timeout = Duration::from_millis(300));
    let failures = it.handle(&[large()]);
    assert!(failures[0].error.contains("acknowledged nothing for 300ms"), "{}", failures[0].error);
    let mut it = fixture("exec <&-; sleep 600");
    let failures = it.handle(&[large()]);
    assert!(failures[0].error.contains("closed its pipes"), "{}", failures[0].error);
}

#[test]
fn a_command_that_never_works_stops_the_run() {
    for (script, parts) in [
        (
            "echo 'no module foo' >&2; exit 1",
            ["exited (exit status: 1), last stderr line: no module foo", "it also fails when started without records"],
        ),
        ("echo ready; cat >/dev/null", ["not an acknowledgement", "ready"]),
    ] {
        let mut it = fixture(script);
        let failures = it.handle(&[lane(0, 0..1), lane(1, 10..11), lane(2, 20..21)]);
        assert_eq!(failures.len(), 3);
        let last = failures.last().unwrap();
        assert_eq!(last.advice, Advice::Stop, "{}", last.error);
        for part in parts.iter().chain(&["has never acknowledged a record"]) {
            assert!(last.error.contains(part), "{}", last.error);
        }
    }
}

/// Batches of one record, as slow handlers get them.
#[test]
fn a_command_that_never_works_stops_the_run_even_with_batches_of_one_record() {
    let mut it = fixture("exit 1");
    // Stops before a record has used up its retries and becomes a dead letter.
    assert_eq!(it.handle(&[lane(0, 0..1)])[0].advice, Advice::Stop);
}

#[test]
fn a_first_record_that_kills_every_child_does_not_stop_the_run() {
    let mut it = fixture(&answering(r#"case "$line" in *'"v0"'*) exit 9;; *) echo ok;; esac"#));
    for _ in 0..4 {
        let failures = it.handle(&[lane(0, 0..1)]);
        assert_eq!(failures[0].advice, Advice::Retry, "{}", failures[0].error);
    }
    assert_eq!(it.handle(&[lane(0, 1..3)]), []);
}

#[test]
fn a_batch_fails_quickly_if_the_command_stops_working() {
    let mut it = fixture(&answering("[ -e $DIR/broken ] && exit 1; echo ok"));
    assert_eq!(it.handle(&[lane(0, 0..1)]), []);
    std::fs::write(it.dir.path().join("broken"), "").unwrap();
    let batch: Vec<_> = (0..40).map(|number| lane(number, 10..12)).collect();
    let failures = it.handle(&batch);
    assert_eq!(failures.len(), 40);
    // Only records that were alone at a new child are blamed. The others must not use up their retries.
    let blamed = failures.iter().filter(|it| it.advice == Advice::Retry).count();
    let others = failures.iter().filter(|it| it.advice == Advice::Unable).count();
    assert!((1..10).contains(&blamed) && blamed + others == 40, "{failures:?}");
    assert!(it.effect("children.started") < 10);
}

#[test]
fn children_exit_when_their_input_ends_or_are_terminated() {
    let mut it = fixture(&format!("{}; echo done >$DIR/done", answering("echo ok")));
    assert_eq!(it.handle(&[lane(0, 0..1)]), []);
    it.end();
    assert!(it.dir.path().join("done").exists());
    assert_eq!(it.event_texts(), "");

    let stubborn = format!("trap '' TERM; echo $$ >$DIR/pid; {}; while :; do sleep 1; done", answering("echo ok"));
    let mut it = fixture_with(&stubborn, |exec| exec.stop_timeout = Duration::from_millis(100));
    assert_eq!(it.handle(&[lane(0, 0..1)]), []);
    it.end();
    wait_until_gone(std::fs::read_to_string(it.dir.path().join("pid")).unwrap().trim());
    assert!(it.event_texts().contains("did not exit after its input ended"), "{}", it.event_texts());

    let mut it = fixture(&format!("{}; exit 5", answering("echo ok")));
    assert_eq!(it.handle(&[lane(0, 0..1)]), []);
    it.end();
    assert!(
        it.event_texts().contains("the command failed after its input was closed (exit status: 5)"),
        "{}",
        it.event_texts()
    );
}

#[test]
fn child_stderr_is_logged_at_a_bounded_rate() {
    let mut it = fixture(&answering("i=0; while [ $i -lt 200 ]; do echo \"say $i\" >&2; i=$((i+1)); done; echo ok"));
    assert_eq!(it.handle(&[lane(0, 0..1)]), []);
    it.end();
    let events = it.event_texts();
    assert!(events.contains("exec, worker 0: say 0\n"), "{events}");
    assert!(events.lines().count() < 60, "{events}");
}

#[test]
fn a_preview_is_the_input_line_without_number_and_lane() {
    let it = fixture("cat");
    let mut effects = Vec::new();
    it.source.preview().unwrap().preview(&record(0, 7, Some(b"k"), None, &[]), &mut effects).unwrap();
    assert_eq!(effects[0].what, "exec sh -c cat");
    let line: Value = serde_json::from_slice(&effects[0].content).unwrap();
    assert_eq!((&line["offset"], &line["key"], line.get("id")), (&7.into(), &"k".into(), None));
    assert!(!Path::new(&it.dir.path().join("seen")).exists());
}
