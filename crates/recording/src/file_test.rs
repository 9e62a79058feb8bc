//! Files: what is written is read back, whatever happens to the file.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use kreplay_model::{
    feed::{EventKind, EventLog, Feed, Snapshot},
    recording::{EntryKind, Frame, Past as _, RecentPast},
};
use tokio::sync::watch;

use crate::{
    About, Censor, CreateError, OpenError, Recorder, Recording, RecordingWriter, Source, WriteError,
    fixture::{START_MS, STEP_MS, frames},
    index::TRAILER_BYTES,
};

const NO_LIMIT: u64 = u64::MAX;

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.krec");
    (folder, path)
}

/// Writes frames and returns the size of the file after each of them.
fn write(path: &Path, frames: &[Frame]) -> Vec<u64> {
    let mut writer = RecordingWriter::create(path, &About::now("run"), NO_LIMIT).unwrap();
    let size_after = |frame| {
        writer.write(frame).unwrap();
        writer.bytes()
    };
    let sizes = frames.iter().map(size_after).collect();
    writer.finish().unwrap();
    sizes
}

#[test]
fn frames_are_read_back_with_and_without_the_index() {
    let (_folder, path) = file();
    let frames = frames(30);
    let sizes = write(&path, &frames);
    let complete = Recording::open(&path).unwrap();
    assert!(complete.is_complete());
    assert_eq!((complete.about().command.as_str(), complete.frames().collect::<Vec<_>>()), ("run", frames.clone()));
    assert_eq!(complete.range(), Some((START_MS, START_MS + 29 * STEP_MS)));
    assert_eq!(complete.next_mark(START_MS, true), Some(START_MS + 3 * STEP_MS));

    std::fs::File::options().write(true).open(&path).unwrap().set_len(*sizes.last().unwrap()).unwrap();
    let cut = Recording::open(&path).unwrap();
    assert!(!cut.is_complete());
    assert_eq!(cut.frames().collect::<Vec<_>>(), frames);
    for frame in &frames {
        assert_eq!(cut.state_at(frame.at_ms), complete.state_at(frame.at_ms));
    }
}

#[test]
fn a_file_cut_at_any_byte_opens_up_to_the_last_whole_frame() {
    let (folder, path) = file();
    let frames = frames(6);
    let sizes = write(&path, &frames);
    let bytes = std::fs::read(&path).unwrap();
    let cut_path = folder.path().join("cut.krec");
    let header_bytes = crate::header::decode(&bytes).unwrap().2;
    for cut in 0..bytes.len() {
        std::fs::write(&cut_path, &bytes[..cut]).unwrap();
        let whole = sizes.iter().take_while(|size| **size <= cut as u64).count();
        match Recording::open(&cut_path) {
            Ok(recording) => {
                assert!(!recording.is_complete());
                let found: Vec<Frame> = recording.frames().collect();
                assert_eq!(found[..whole], frames[..whole], "cut after {cut} bytes");
                // The entries of the next frame that are whole are read as well.
                assert!(found.len() <= whole + 1, "cut after {cut} bytes");
            }
            Err(OpenError::NotARecording) => assert_eq!(cut, 0),
            Err(OpenError::Header) => assert!(cut < header_bytes, "cut after {cut} bytes"),
            Err(OpenError::NoFrame) => assert_eq!(whole, 0, "cut after {cut} bytes"),
            Err(error) => panic!("cut after {cut} bytes: {error}"),
        }
    }
}

#[test]
fn a_damaged_byte_hides_only_what_depends_on_it() {
    let (_folder, path) = file();
    let frames = frames(10);
    let sizes = write(&path, &frames);
    let bytes = std::fs::read(&path).unwrap();
    let header_bytes = crate::header::decode(&bytes).unwrap().2;
    // Behind the first frame, which holds the whole entries, each frame is a difference of its own.
    let first_end = usize::try_from(sizes[0]).unwrap();
    for at in (header_bytes..bytes.len()).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x40;
        // Without the index, which would not notice: entries are then checked while they are read.
        std::fs::write(&path, &damaged[..damaged.len() - TRAILER_BYTES]).unwrap();
        let Ok(recording) = Recording::open(&path) else {
            assert!(at < first_end, "byte {at}");
            continue;
        };
        let found: Vec<Frame> = recording.frames().collect();
        if at >= first_end {
            // A damaged last entry cannot be told from one that was cut off.
            let is_in_last = at as u64 >= sizes[sizes.len() - 2];
            assert!(recording.damaged_places() > 0 || found == frames || is_in_last, "byte {at}: nothing is said");
            let lost = frames.iter().filter(|frame| !found.contains(frame)).count();
            assert!(lost <= 1, "byte {at}: {lost} frames");
        }
    }
}

#[test]
fn damage_is_noticed_although_the_index_describes_the_whole_file() {
    let (_folder, path) = file();
    let frames = frames(10);
    let sizes = write(&path, &frames);
    let recording = Recording::open(&path).unwrap();
    assert_eq!((recording.frames().count(), recording.damaged_places()), (frames.len(), 0));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[usize::try_from(sizes[4]).unwrap() + 20] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let damaged = Recording::open(&path).unwrap();
    assert!(damaged.is_complete());
    let found: Vec<Frame> = damaged.frames().collect();
    assert_ne!(found, frames);
    assert!(damaged.damaged_places() > 0);
}

#[test]
fn a_recording_stays_below_its_limit_and_remains_readable() {
    let (_folder, path) = file();
    let limit_bytes = 4_000;
    let mut writer = RecordingWriter::create(&path, &About::now("run"), limit_bytes).unwrap();
    let frames = frames(60);
    let refused = frames.iter().find_map(|frame| writer.write(frame).err());
    assert!(matches!(refused, Some(WriteError::Limit(4_000))));
    writer.finish().unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), writer.bytes());
    assert!(writer.bytes() <= limit_bytes && writer.bytes() > limit_bytes / 2, "{}", writer.bytes());
    let recording = Recording::open(&path).unwrap();
    assert!(recording.is_complete());
    let found: Vec<Frame> = recording.frames().collect();
    assert_eq!(found, frames[..found.len()]);
    assert_eq!(found.len() as u64, writer.frames());
}

#[test]
fn a_recording_replaces_no_file_and_only_its_owner_can_read_it() {
    let (_folder, path) = file();
    write(&path, &frames(1));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let again = RecordingWriter::create(&path, &About::now("run"), NO_LIMIT);
    assert!(matches!(again, Err(CreateError::Exists)));
}

/// A feed whose sender is returned.
fn feed() -> (watch::Sender<Arc<Snapshot>>, EventLog, Feed) {
    let (sender, snapshots) = watch::channel(Arc::new(Snapshot::default()));
    let events = EventLog::default();
    let feed = Feed { snapshots, events: events.clone(), groups: None, alerts: None };
    (sender, events, feed)
}

fn named(problem: &str) -> Arc<Snapshot> {
    Arc::new(Snapshot { problem: Some(problem.into()), ..Snapshot::default() })
}

#[test]
fn a_recorder_records_until_the_last_snapshot() {
    let (_folder, path) = file();
    let (sender, events, feed) = feed();
    let writer = RecordingWriter::create(&path, &About::now("run"), NO_LIMIT).unwrap();
    let censor = Censor::new(vec!["hunter2".into()]);
    let recorder = Recorder::start(writer, Source::new(feed, None), censor, events.clone()).unwrap();
    events.push(EventKind::Warning { text: "login with hunter2".into() });
    sender.send_replace(named("hunter2 is not the last"));
    sender.send_replace(named("the last"));
    drop(sender);
    let summary = recorder.finish();
    assert_eq!(summary.problem, None);
    let recording = Recording::open(&path).unwrap();
    let state = recording.state_at(i64::MAX).unwrap();
    assert_eq!((state.snapshot, state.events.len()), (Some(named("the last")), 1));
    assert_eq!(summary.bytes, std::fs::metadata(&path).unwrap().len());
    assert!(!serde_json::to_string(&state.events).unwrap().contains("hunter2"));
}

#[test]
fn a_recording_on_request_begins_with_the_past() {
    let (_folder, path) = file();
    let (sender, events, feed) = feed();
    let mut past = RecentPast::default();
    events.push(EventKind::Paused);
    let said =
        |at_ms, problem: &str, events| Frame { at_ms, snapshot: Some(named(problem)), events, ..Frame::default() };
    past.push(&said(START_MS, "hunter2 was the first", events.since(0))).unwrap();
    past.push(&said(START_MS + STEP_MS, "the second", Vec::new())).unwrap();
    let writer = RecordingWriter::create(&path, &About::now("run"), NO_LIMIT).unwrap();
    let source = Source::new(feed, None).from_events(events.next_seq(), 0);
    let censor = Censor::new(vec!["hunter2".into()]);
    let recorder = Recorder::start_after(past.frames(), writer, source, censor, events.clone()).unwrap();
    events.push(EventKind::Resumed);
    sender.send_replace(named("the last"));
    drop(sender);
    assert_eq!(recorder.finish().problem, None);
    let recording = Recording::open(&path).unwrap();
    assert_eq!(recording.range().map(|(first, _)| first), Some(START_MS), "it begins before the request");
    let first = recording.state_at(START_MS).unwrap();
    assert!(
        first
            .snapshot
            .unwrap()
            .problem
            .clone()
            .is_some_and(|text| text.ends_with(" was the first") && !text.contains("hunter2"))
    );
    assert_eq!(recording.state_at(START_MS + STEP_MS).unwrap().snapshot, Some(named("the second")));
    let state = recording.state_at(i64::MAX).unwrap();
    let kinds: Vec<EventKind> = state.events.into_iter().map(|event| event.kind).collect();
    assert_eq!((state.snapshot, kinds), (Some(named("the last")), vec![EventKind::Paused, EventKind::Resumed]));
}

#[test]
fn a_recorder_that_reaches_the_limit_reports_it_as_an_event_and_ends() {
    let (_folder, path) = file();
    let (sender, events, feed) = feed();
    let writer = RecordingWriter::create(&path, &About::now("run"), 10).unwrap();
    let recorder = Recorder::start(writer, Source::new(feed, None), Censor::default(), events.clone()).unwrap();
    sender.send_replace(named("a"));
    let summary = recorder.finish();
    let text = "recording ended early: the recording has reached its limit of 10 bytes; nothing else is affected";
    assert_eq!(summary.problem.as_deref(), Some(text));
    let reported = events.since(0);
    assert!(reported.iter().any(|event| event.kind == EventKind::Warning { text: text.into() }), "{reported:?}");
    assert_eq!(EntryKind::COUNT, EntryKind::ALL.len());
}
