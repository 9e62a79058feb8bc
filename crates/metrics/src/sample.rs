//! Values of series.

use prometheus_client::encoding::{CounterValueEncoder, EncodeCounterValue, EncodeGaugeValue, GaugeValueEncoder};

/// The value of a gauge or a counter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    /// A count of offsets; a lag may be negative.
    Signed(i64),
    /// A count.
    Count(u64),
    /// Seconds, or a rate. It is finite.
    Real(f64),
}

impl Number {
    /// A finite number.
    pub(crate) fn real(value: f64) -> Option<Self> {
        value.is_finite().then_some(Self::Real(value))
    }

    /// 1 if true, else 0.
    pub(crate) fn flag(value: bool) -> Self {
        Self::Count(u64::from(value))
    }

    /// The number of things in a list.
    pub(crate) fn len(count: usize) -> Self {
        Self::Count(count as u64)
    }
}

impl EncodeGaugeValue for Number {
    fn encode(&self, encoder: &mut GaugeValueEncoder) -> Result<(), std::fmt::Error> {
        match self {
            Self::Signed(value) => EncodeGaugeValue::encode(value, encoder),
            Self::Count(value) => EncodeGaugeValue::encode(value, encoder),
            Self::Real(value) => EncodeGaugeValue::encode(value, encoder),
        }
    }
}

impl EncodeCounterValue for Number {
    fn encode(&self, encoder: &mut CounterValueEncoder) -> Result<(), std::fmt::Error> {
        match self {
            Self::Signed(value) => EncodeCounterValue::encode(&value.unsigned_abs(), encoder),
            Self::Count(value) => EncodeCounterValue::encode(value, encoder),
            Self::Real(value) => EncodeCounterValue::encode(value, encoder),
        }
    }
}
