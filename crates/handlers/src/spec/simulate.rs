//! The text form of the settings of `simulate`.

use std::{fmt, str::FromStr, time::Duration};

use super::duration::parse_duration;

/// The settings of `simulate`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Simulate {
    /// The time that a record takes.
    pub work: WorkTime,
    /// The share of attempts that fail, 0 to 1.
    pub fail: f64,
    /// The share of records that fail on every attempt, 0 to 1. Chosen by the hash of their value.
    pub poison: f64,
}

/// The distribution of the time that a record takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WorkTime {
    /// Constant.
    Fixed(Duration),
    /// Uniform between two times.
    Uniform(Duration, Duration),
    /// Log-normal, given by the median and the standard deviation of the logarithm.
    LogNormal(Duration, f64),
}

impl WorkTime {
    /// The mean time of a record, in seconds.
    #[must_use]
    pub fn mean_s(self) -> f64 {
        match self {
            Self::Fixed(time) => time.as_secs_f64(),
            Self::Uniform(low, high) => f64::midpoint(low.as_secs_f64(), high.as_secs_f64()),
            Self::LogNormal(median, sigma) => median.as_secs_f64() * (sigma * sigma / 2.0).exp(),
        }
    }
}

impl FromStr for Simulate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut options = text.split(',');
        let work = parse_work(options.next().unwrap_or_default())?;
        let (mut fail, mut poison) = (0.0, 0.0);
        for option in options {
            let (name, rate) = option.split_once('=').unwrap_or((option, ""));
            let target = match name {
                "fail" => &mut fail,
                "poison" => &mut poison,
                _ => return Err(format!("`{option}` is not an option of simulate; use fail=RATE or poison=RATE")),
            };
            *target = rate
                .parse::<f64>()
                .ok()
                .filter(|rate| (0.0..=1.0).contains(rate))
                .ok_or_else(|| format!("{name} must be 0 to 1, not `{rate}`"))?;
        }
        Ok(Self { work, fail, poison })
    }
}

impl fmt::Display for Simulate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.work {
            WorkTime::Fixed(time) => write!(f, "{time:?}")?,
            WorkTime::Uniform(low, high) => write!(f, "uniform:{low:?}:{high:?}")?,
            WorkTime::LogNormal(median, sigma) => write!(f, "lognormal:{median:?}:{sigma}")?,
        }
        if self.fail > 0.0 {
            write!(f, ",fail={}", self.fail)?;
        }
        if self.poison > 0.0 { write!(f, ",poison={}", self.poison) } else { Ok(()) }
    }
}

fn parse_work(text: &str) -> Result<WorkTime, String> {
    let parts: Vec<&str> = text.split(':').collect();
    match parts.as_slice() {
        ["uniform", low, high] => {
            let (low, high) = (parse_duration(low)?, parse_duration(high)?);
            if low > high {
                Err("uniform takes the shorter time first".into())
            } else {
                Ok(WorkTime::Uniform(low, high))
            }
        }
        ["lognormal", median, sigma] => {
            let sigma = sigma
                .parse::<f64>()
                .ok()
                .filter(|sigma| (0.0..=3.0).contains(sigma))
                .ok_or_else(|| format!("lognormal's deviation must be 0 to 3, not `{sigma}`"))?;
            Ok(WorkTime::LogNormal(parse_duration(median)?, sigma))
        }
        [fixed] | ["fixed", fixed] => Ok(WorkTime::Fixed(parse_duration(fixed)?)),
        _ => Err("the work time must be TIME, uniform:SHORTEST:LONGEST or lognormal:MEDIAN:DEVIATION".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_of_each_distribution() {
        let ms = Duration::from_millis;
        assert!((WorkTime::Uniform(ms(1), ms(3)).mean_s() - 0.002).abs() < 1e-9);
        assert!((WorkTime::LogNormal(ms(5), 0.5).mean_s() - 0.005 * (0.125_f64).exp()).abs() < 1e-9);
    }
}
