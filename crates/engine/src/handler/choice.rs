//! The handler that a run was given, before the run opens it.

use std::{fmt, ops::Deref, sync::Arc};

use super::{HandlerFactory, null::NullFactory};

/// A handler that can be opened for a run. Cloning it is cheap.
#[derive(Clone)]
pub struct HandlerChoice(Arc<dyn HandlerFactory>);

impl HandlerChoice {
    /// The handlers that a factory opens.
    pub fn new(factory: impl HandlerFactory + 'static) -> Self {
        Self(Arc::new(factory))
    }
}

/// Accepts every record and does nothing.
impl Default for HandlerChoice {
    fn default() -> Self {
        Self::new(NullFactory)
    }
}

impl From<Arc<dyn HandlerFactory>> for HandlerChoice {
    fn from(factory: Arc<dyn HandlerFactory>) -> Self {
        Self(factory)
    }
}

impl Deref for HandlerChoice {
    type Target = dyn HandlerFactory;

    fn deref(&self) -> &Self::Target {
        self.0.as_ref()
    }
}

/// Handlers of the same name are equal. Settings that a name does not contain are not compared.
impl PartialEq for HandlerChoice {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl fmt::Display for HandlerChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name())
    }
}

impl fmt::Debug for HandlerChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HandlerChoice").field(&self.name()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_accepts_every_record_without_work() {
        let choice = HandlerChoice::default();
        assert_eq!((choice.to_string().as_str(), choice.facts().work_s), ("null", Some(0.0)));
        assert_eq!(choice, HandlerChoice::new(NullFactory));
    }
}
