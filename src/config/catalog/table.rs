//! The macro that turns a table, with one line per setting, into a list of settings.

/// A list of settings. The comment above a line is the setting's help. A line has the key, the kind with its bounds,
/// and the field of the configuration. `as CODEC` chooses how values are converted; by default, the codec has the name
/// of the kind. A setting that is not one field has `{ SET, SHOW }` instead.
///
/// A field can begin with `rules`, `demo_rules` or `decoding`, which the configuration shares with runs.
macro_rules! settings {
    (@codec $kind:ident) => { $crate::config::codec::$kind };
    (@codec $kind:ident $codec:ty) => { $codec };
    (@write $config:ident rules $($field:tt)+) => { $crate::config::scope::rules(&mut $config.run.scope) $($field)+ };
    (@read $config:ident rules $($field:tt)+) => { $config.run.scope.rules $($field)+ };
    (@write $config:ident demo_rules $($field:tt)+) => {
        $crate::config::scope::rules(&mut $config.demo.scope) $($field)+
    };
    (@read $config:ident demo_rules $($field:tt)+) => { $config.demo.scope.rules $($field)+ };
    (@write $config:ident decoding $($field:tt)+) => {
        $crate::config::scope::rules(&mut $config.run.scope).decoding.settings_mut() $($field)+
    };
    (@read $config:ident decoding $($field:tt)+) => { $config.run.scope.rules.decoding.settings() $($field)+ };
    (@$access:ident $config:ident $($field:tt)+) => { $config.$($field)+ };
    ($name:ident: $(
        $(#[doc = $help:literal])+
        $key:literal: $kind:ident $(($($bound:expr),+))? =>
            $($root:ident $(. $part:ident)+ $(as $codec:ty)?)? $({ $set:expr, $show:expr $(,)? })? ;
    )+) => {
        pub(super) const $name: &[$crate::config::catalog::Setting] = &[$(
            $crate::config::catalog::Setting {
                key: $key,
                kind: $crate::config::kind::Kind::$kind $(($($bound),+))?,
                help: concat!($($help),+),
                $(
                    set: |config, input, kind| $crate::config::value::store(
                        &mut settings!(@write config $root $(. $part)+),
                        <settings!(@codec $kind $($codec)?) as $crate::config::codec::Codec<_>>::parse(input, kind),
                    ),
                    show: |config| <settings!(@codec $kind $($codec)?) as $crate::config::codec::Codec<_>>::show(
                        &settings!(@read config $root $(. $part)+),
                    ),
                )?
                $(
                    set: |config, input, _| {
                        let set: fn(&mut $crate::config::Config, &$crate::config::input::Input) -> Result<(), String> =
                            $set;
                        set(config, input)
                    },
                    show: $show,
                )?
            },
        )+];
    };
}

pub(super) use settings;
