//! What the rows of the files contain.

use kreplay_model::domain::{Format, Formats};

use super::*;

#[test]
fn handled_records_are_read_back_in_every_format_and_compression() {
    for format in FORMATS {
        for compression in [Compression::Auto, Compression::Gzip, Compression::Zstd, Compression::Snappy] {
            if compression == Compression::Snappy && format != FileFormat::Parquet {
                continue;
            }
            let dir = tempfile::tempdir().unwrap();
            let source = open(format, dir.path(), &context(ExportSettings { compression, ..small() }));
            assert!(source.needs().headers);
            let mut handler = source.make(0);
            for batch in 0..10 {
                assert_eq!(
                    handler.handle(&[numbered(0, batch * 10..batch * 10 + 10), numbered(1, batch..batch + 1)]),
                    []
                );
            }
            source.finish(RunEnd::default()).unwrap();
            let files = files(dir.path());
            assert!(files.len() > 3, "{format} {compression}: {} files", files.len());
            let ending = format!(".{}", source_ending(format, compression));
            assert!(
                files.iter().all(|(name, _)| name.starts_with("records-test-0000") && name.ends_with(&ending)),
                "{files:?}"
            );
            let mut rows: Vec<_> = files.into_iter().flat_map(|(_, rows)| rows).collect();
            assert_eq!(rows.len(), 110);
            let row = rows.swap_remove(100);
            let cell = |title: &str| row[title].as_deref().unwrap();
            assert_eq!((cell("topic"), cell("partition"), cell("timestamp")), ("a", "0", "1000"));
            let n: i64 = cell("offset").parse().unwrap();
            assert_eq!(
                (cell("key"), cell("value")),
                (format!("k{}", n % 5).as_str(), format!("{{\"n\":{n}}}").as_str())
            );
            assert_eq!(cell("headers"), r#"[{"key":"h","value":"1"}]"#);
            let effects: Vec<_> = source.effects().into_iter().map(|one| (one.what, one.count)).collect();
            assert_eq!(effects[1], ("rows".to_owned(), 110));
            assert_eq!(
                fs::read_dir(dir.path().join(".kreplay"))
                    .unwrap()
                    .filter(|entry| { !entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("export.db") })
                    .count(),
                0,
                "no part file is left"
            );
        }
    }
}

fn source_ending(format: FileFormat, compression: Compression) -> String {
    let settings = ExportSettings { compression, ..small() };
    super::super::format::OutputFormat::of(format, &settings).unwrap().ending().to_owned()
}

#[test]
fn absent_empty_special_and_typed_values_are_written() {
    let columns = [
        "key",
        "value",
        "n=json.n:long",
        "x=json.x:double",
        "ok=json.ok:boolean",
        "o=json.o",
        "h=header.h",
        "kind=event_type",
    ];
    let settings =
        || ExportSettings { columns: columns.iter().map(|column| column.parse().unwrap()).collect(), ..small() };
    let values: [(&[u8], Option<&[u8]>); 4] = [
        (b"\xff\"", Some(br#"{"n":7,"x":0.5,"ok":true,"o":{"a":[1,"b"]},"type":"T"}"#)),
        (b"", None),
        (b"base64:x", Some(br#"{"n":"8","x":null,"o":"a,\n\"b\""}"#)),
        (b"=cmd()", Some(b"[]")),
    ];
    let records = || {
        let made = values
            .iter()
            .zip(0..)
            .map(|((key, value), offset)| record(0, offset, Some(key), *value, &[(b"h", Some(b"\x1b[2J"))]));
        run(made.collect())
    };
    for format in [FileFormat::Csv, FileFormat::Parquet] {
        let dir = tempfile::tempdir().unwrap();
        let source = open(format, dir.path(), &context(settings()));
        assert_eq!(source.make(0).handle(&[records()]), []);
        source.finish(RunEnd::default()).unwrap();
        let rows = files(dir.path()).remove(0).1;
        let none = |row: &Row, title: &str| row[title].as_deref().unwrap_or_default().is_empty();
        let cell = |row: usize, title: &str| rows[row][title].clone().unwrap_or_default();
        assert_eq!((cell(0, "n"), cell(0, "x"), cell(0, "ok")), ("7".into(), "0.5".into(), "true".into()));
        assert_eq!(
            (cell(0, "o"), cell(0, "kind"), cell(0, "h")),
            (r#"{"a":[1,"b"]}"#.into(), "T".into(), "\u{1b}[2J".into())
        );
        assert!(["value", "n", "x", "ok", "o", "kind"].iter().all(|title| none(&rows[1], title)), "{:?}", rows[1]);
        assert_eq!((cell(2, "n"), cell(2, "o")), ("8".into(), "a,\n\"b\"".into()));
        assert_eq!((cell(3, "key"), cell(3, "value"), none(&rows[3], "n")), ("=cmd()".into(), "[]".into(), true));
        if format == FileFormat::Csv {
            assert_eq!((cell(0, "key"), cell(2, "key")), ("base64:/yI=".into(), "base64:YmFzZTY0Ong=".into()));
            let text = fs::read_to_string(
                fs::read_dir(dir.path())
                    .unwrap()
                    .map(|entry| entry.unwrap().path())
                    .find(|path| path.is_file())
                    .unwrap(),
            )
            .unwrap();
            assert!(text.contains("\n\"\",,,,,,"), "an empty key is not an absent value: {text}");
        } else {
            assert_eq!((rows[1]["value"].clone(), rows[1]["key"].clone()), (None, Some(String::new())));
        }
    }
}

#[test]
fn typed_columns_contain_decoded_keys_and_values() {
    let formats = Formats { key: Format::Json, value: Format::Json };
    let columns = ["key:long", "n=value:long", "x=value:double", "bytes=value:bytes"];
    for format in [FileFormat::Csv, FileFormat::Parquet] {
        let dir = tempfile::tempdir().unwrap();
        let mut context = HandlerSetup::decoding(&[TopicPartition::new("a", 0)], formats);
        context.settings.export =
            ExportSettings { columns: columns.iter().map(|column| column.parse().unwrap()).collect(), ..small() };
        let source = open(format, dir.path(), &context);
        let mut typed = record(0, 0, Some(b"\"12\""), Some(b"7.0"), &[]);
        let mut mismatched = record(0, 1, Some(b"1.5"), Some(b"7.0"), &[]);
        typed.route.formats = formats;
        mismatched.route.formats = formats;
        let failures = source.make(0).handle(&[run(vec![typed]), run(vec![mismatched])]);
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert!(failures[0].error.starts_with("column key: `1.5` is not a whole number"), "{failures:?}");
        source.finish(RunEnd::default()).unwrap();
        let row = files(dir.path()).remove(0).1.remove(0);
        let cells = ["key", "n", "x"].map(|title| row[title].clone().unwrap());
        assert!(cells[0] == "12" && cells[1] == "7" && cells[2].parse::<f64>() == Ok(7.0), "{cells:?}");
        let bytes = if format == FileFormat::Csv { "Ny4w" } else { "7.0" };
        assert_eq!(row["bytes"].as_deref(), Some(bytes), "byte columns are unchanged");
    }
}

#[test]
fn a_registry_that_does_not_answer_blames_no_record() {
    for format in FORMATS {
        let dir = tempfile::tempdir().unwrap();
        let (mut context, unreadable) = HandlerSetup::without_registry(&[TopicPartition::new("a", 0)]);
        context.settings.export = small();
        let source = open(format, dir.path(), &context);
        let previewed = source.preview().unwrap().preview(&unreadable, &mut Vec::new());
        assert!(matches!(previewed, Err(PreviewError::Unable(_))), "{previewed:?}");
        let failures = source.make(0).handle(&[run(vec![unreadable])]);
        assert!(matches!(failures[..], [LaneFailure { run: 0, done: 0, advice: Advice::Unable, .. }]), "{failures:?}");
    }
}

#[test]
fn a_value_that_does_not_match_its_column_fails_only_its_record() {
    let columns = vec!["offset".parse().unwrap(), "topic".parse().unwrap(), "n=json.n:long".parse().unwrap()];
    let dir = tempfile::tempdir().unwrap();
    let source = open(FileFormat::Csv, dir.path(), &context(ExportSettings { columns, ..small() }));
    let values = ["{\"n\":1}", "{\"n\":\"many\"}", "{\"n\":3}"];
    let bad = run(values
        .iter()
        .zip(0..)
        .map(|(value, offset)| record(0, offset, None, Some(value.as_bytes()), &[]))
        .collect());
    let failures = source.make(0).handle(&[bad, numbered(1, 0..2)]);
    let [LaneFailure { run: 0, done: 1, error, advice: Advice::GiveUp }] = failures.as_slice() else {
        panic!("{failures:?}")
    };
    assert!(error.contains("column n: `many`") || error.contains("many"), "{error}");
    let torn = source.make(0).handle(&[run(vec![record(0, 9, None, Some(b"{"), &[])])]);
    assert!(torn[0].error.starts_with("column n: the value cannot be decoded: it is not JSON"), "{torn:?}");
    source.finish(RunEnd::default()).unwrap();
    assert_eq!(places(dir.path()), [("a".to_owned(), 0), ("b".to_owned(), 0), ("b".to_owned(), 1)]);
}

#[test]
fn a_preview_builds_rows_and_writes_none() {
    for format in FORMATS {
        let dir = tempfile::tempdir().unwrap();
        let source = open(format, dir.path(), &context(ExportSettings { series: Series::Topic, ..small() }));
        let mut preview = source.preview().unwrap();
        let mut effects = Vec::new();
        for one in numbered(1, 3..5).records {
            preview.preview(&one, &mut effects).unwrap();
        }
        assert_eq!(effects[0].what, format!("{format} b"));
        assert!(String::from_utf8_lossy(&effects[1].content).contains('4'));
        assert!(preview.preview(&record(9, 0, None, None, &[]), &mut effects).is_err());
        source.finish(RunEnd::default()).unwrap();
        assert_eq!(files(dir.path()).len(), 0);
    }
}
