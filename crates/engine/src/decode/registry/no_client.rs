//! In place of the HTTP client, in a build without the feature `registry`.

use serde::de::DeserializeOwned;

use super::{
    super::{DecodeSettings, Undecodable},
    Failure,
};

/// Cannot be created.
pub(super) enum Client {}

impl Client {
    pub(super) fn new(_settings: &DecodeSettings) -> Result<Self, String> {
        Err("this build cannot use a schema registry; enable the feature `registry` of kreplay-engine".into())
    }

    pub(super) fn reach(&self) -> Result<(), Undecodable> {
        match *self {}
    }

    pub(super) fn get<T: DeserializeOwned>(&self, _path: &str) -> Result<T, Failure> {
        match *self {}
    }

    pub(super) fn get_if_served<T: DeserializeOwned>(&self, _path: &str) -> Result<T, Failure> {
        match *self {}
    }
}
