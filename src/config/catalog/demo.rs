//! `[demo]`: its data, and the settings that it does not share with `[run]`.

use kreplay_handlers::{HandlerSpec, Simulate, WorkTime};
use toml::Value;

use super::{HANDLERS, KEYS, Setting, TEMPLATE, WORK};
use crate::config::{
    limits,
    model::simulated,
    scope,
    value::{group, handler, number, store, text, time, word},
};

pub(super) const DEMO: &[Setting] = &[
    Setting {
        key: "demo.datasets",
        allowed: "a whole number from 1 to 1000",
        set: |c, i| store(&mut c.demo.datasets.count, i.bounded()),
        show: |c| Some(number(c.demo.datasets.count.get())),
    },
    Setting {
        key: "demo.events",
        allowed: "a whole number from 0 to 10000000",
        set: |c, i| store(&mut c.demo.datasets.events, i.bounded()),
        show: |c| Some(number(c.demo.datasets.events.get())),
    },
    Setting {
        key: "demo.partitions",
        allowed: "a whole number from 1 to 100",
        set: |c, i| store(&mut c.demo.datasets.partitions, i.bounded()),
        show: |c| Some(number(c.demo.datasets.partitions.get())),
    },
    Setting {
        key: "demo.skew",
        allowed: "even, or zipf:S with S from 0 to 10",
        set: |c, i| store(&mut c.demo.datasets.skew, word(i)),
        show: |c| Some(text(&c.demo.datasets.skew)),
    },
    Setting {
        key: "demo.work",
        allowed: "a duration from 0 to 60m, such as 1ms",
        set: |c, i| store(&mut c.demo.handler, i.duration(&WORK).map(simulated)),
        show: |c| match &c.demo.handler {
            HandlerSpec::Simulate(Simulate { work: WorkTime::Fixed(work), .. }) if !c.is_set("demo.handler") => {
                Some(time(*work))
            }
            _ => None,
        },
    },
    Setting {
        key: "demo.concurrency",
        allowed: "auto, or a whole number from 1 to 1000",
        set: |c, i| {
            (c.demo.concurrency, c.demo.adaptive) = limits::concurrency(i)?;
            Ok(())
        },
        show: |c| Some(limits::show_concurrency(c.demo.concurrency, c.demo.adaptive)),
    },
    Setting {
        key: "demo.handler",
        allowed: HANDLERS,
        set: |c, i| store(&mut c.demo.handler, handler(i)),
        show: |c| c.is_set("demo.handler").then(|| text(&c.demo.handler)),
    },
    Setting {
        key: "demo.group",
        allowed: "a group id of 1 to 255 printable characters",
        set: |c, i| store(&mut c.demo.group, group(i).map(Some)),
        show: |c| c.demo.group.clone().map(Value::from),
    },
    Setting {
        key: "demo.from",
        allowed: "earliest, latest, last:NUMBER or an offset",
        set: |c, i| store(&mut c.demo.scope.range.from, scope::parsed(i)),
        show: |c| Some(text(&c.demo.scope.range.from)),
    },
    Setting {
        key: "demo.to",
        allowed: "latest, never or an offset",
        set: |c, i| store(&mut c.demo.scope.range.to, scope::parsed(i)),
        show: |c| Some(text(&c.demo.scope.range.to)),
    },
    Setting {
        key: "demo.keys",
        allowed: KEYS,
        set: |c, i| store(&mut scope::rules(&mut c.demo.scope).filter.keys, scope::list(i)),
        show: |c| scope::show_list(&c.demo.scope.rules.filter.keys),
    },
    Setting {
        key: "demo.key_template",
        allowed: TEMPLATE,
        set: |c, i| store(&mut scope::rules(&mut c.demo.scope).template, scope::parsed(i).map(Some)),
        show: |c| c.demo.scope.rules.template.as_ref().map(text),
    },
];
