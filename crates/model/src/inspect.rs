//! Single records, read from the cluster so that a user can look at them: what is asked, and what is answered.

mod control;
mod record;

pub use control::{InspectCommand, InspectControl, InspectServer, Inspection, InspectionStep};
pub use record::{
    Content, Decoded, HeaderView, InspectedRecord, MAX_DECODED_BYTES, MAX_HEADER_BYTES, MAX_HEADERS, MAX_KEY_BYTES,
    MAX_VALUE_BYTES, Placement, RecordId, no_record,
};
