//! The versions that a broker supports.

use std::collections::BTreeMap;

use crate::api::{Api, VersionRange};
use crate::error::WireError;
use crate::message::api_versions::ApiVersion;

/// The versions that a broker supports, for the requests that this client knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct BrokerVersions(BTreeMap<Api, VersionRange>);

impl BrokerVersions {
    pub(super) fn new(listed: &[ApiVersion]) -> Self {
        let range = |api: &Api| {
            let found = listed.iter().find(|listed| listed.api_key == api.key())?;
            Some((*api, VersionRange::new(found.min_version, found.max_version)))
        };
        Self(Api::ALL.iter().filter_map(range).collect())
    }

    /// The highest version that broker and client support and that is not below `min_version`.
    pub(super) fn negotiate(&self, api: Api, min_version: i16) -> Result<i16, WireError> {
        let client = VersionRange::new(min_version.max(api.versions().min), api.versions().max);
        let broker = self.0.get(&api).copied();
        broker.and_then(|broker| broker.highest_common(client)).ok_or(WireError::Unsupported { api, broker, client })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_do_not_overlap_are_an_error_with_both_ranges() {
        let listed = |api: Api, min_version, max_version| ApiVersion { api_key: api.key(), min_version, max_version };
        let versions = BrokerVersions::new(&[
            listed(Api::ListGroups, 0, 4),
            listed(Api::OffsetFetch, 1, 7),
            listed(Api::ListOffsets, 1, 99),
            ApiVersion { api_key: 9999, min_version: 0, max_version: 1 },
        ]);
        assert_eq!(versions.negotiate(Api::ListGroups, 4), Ok(4));
        assert_eq!(versions.negotiate(Api::ListOffsets, 7), Ok(11));
        let unsupported = |api, broker, min| {
            let client = VersionRange::new(min, Api::versions(api).max);
            Err(WireError::Unsupported { api, broker, client })
        };
        let too_old = unsupported(Api::ListGroups, Some(VersionRange::new(0, 4)), 5);
        assert_eq!(versions.negotiate(Api::ListGroups, 5), too_old);
        let too_old = unsupported(Api::OffsetFetch, Some(VersionRange::new(1, 7)), 8);
        assert_eq!(versions.negotiate(Api::OffsetFetch, 8), too_old);
        assert_eq!(versions.negotiate(Api::StreamsGroupDescribe, 0), unsupported(Api::StreamsGroupDescribe, None, 0));
    }
}
