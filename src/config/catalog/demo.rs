//! `[console]` and `[demo]`: what is shown, and the data of the demo.

use kreplay_handlers::{HandlerSpec, Simulate, WorkTime};

use super::{GROUP, HANDLERS, KEYS, TEMPLATE, WORKERS, codec, minutes, seconds, table::settings};
use crate::config::{
    limits,
    model::simulated,
    value::{handler, store, text, theme, time},
};

settings! { CONSOLE:
    /// Colour theme; auto is dark or light, whichever suits the background of the terminal.
    "console.theme": Text("auto, the name of a theme (`kreplay themes` lists them) or the path of a .toml file") => {
        |c, i| store(&mut c.console.theme, theme(i)),
        |c| Some(text(&c.console.theme)),
    };
    /// Capture the mouse wheel and clicks.
    "console.mouse": Bool => console.mouse;
    /// How the end of a run is announced while the terminal is not focused.
    "console.notify": Word(&["auto", "bell", "off"]) => console.notify;
    /// Keep columns, order, filters and the last page for each cluster, in the state directory.
    "console.remember": Bool => console.remember;
}

settings! { DEMO:
    /// Number of datasets, one topic each.
    "demo.datasets": Integer(1..=1000) => demo.datasets.count as codec::Bounded;
    /// Total number of events in all datasets.
    "demo.events": Integer(0..=10_000_000) => demo.datasets.events as codec::Bounded;
    /// Partitions per topic.
    "demo.partitions": Integer(1..=100) => demo.datasets.partitions as codec::Bounded;
    /// Distribution of events over datasets.
    "demo.skew": Text("even, or zipf:S with S from 0 to 10") => demo.datasets.skew as codec::Word;
    /// Handling time per record.
    "demo.work": Duration(seconds(0)..=minutes(60), "1ms") => {
        |c, i| store(&mut c.demo.handler, i.duration(&(seconds(0)..=minutes(60))).map(simulated)),
        |c| match &c.demo.handler {
            HandlerSpec::Simulate(Simulate { work: WorkTime::Fixed(work), .. }) if !c.is_set("demo.handler") => {
                Some(time(*work))
            }
            _ => None,
        },
    };
    /// Number of workers at the start.
    "demo.concurrency": Either(WORKERS) => {
        |c, i| {
            (c.demo.concurrency, c.demo.adaptive) = limits::concurrency(i)?;
            Ok(())
        },
        |c| Some(limits::show_concurrency(c.demo.concurrency, c.demo.adaptive)),
    };
    /// What to do with the records. Cannot be combined with `work`.
    "demo.handler": Text(HANDLERS) => {
        |c, i| store(&mut c.demo.handler, handler(i)),
        |c| c.is_set("demo.handler").then(|| text(&c.demo.handler)),
    };
    /// The consumer group that shares the demo's work.
    "demo.group": Text(GROUP) => demo.group as codec::Group;
    /// Where to start in every partition.
    "demo.from": Position("earliest, latest, last:NUMBER or an offset") => demo.scope.range.from as codec::Parsed;
    /// Where to stop in every partition (exclusive).
    "demo.to": Position("latest, never or an offset") => demo.scope.range.to as codec::Parsed;
    /// Handle only keys that match one of these patterns.
    "demo.keys": List(KEYS) => demo_rules.filter.keys;
    /// Template of the key used for ordering, filters and per-key figures.
    "demo.key_template": Text(TEMPLATE) => demo_rules.template as codec::Optional<codec::Parsed>;
}
