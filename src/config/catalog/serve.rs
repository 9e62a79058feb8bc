//! `[serve]`: consoles that attach to this process.

use kreplay_model::domain::{Secret, SecretFormat};

use super::{Kind, codec, table::settings};
use crate::config::value::{bearer_token, store, text};

const ADDRESS: &str = "the path of a Unix socket, or a loopback address with a port, such as 127.0.0.1:9310";
const TOKEN: Kind = Kind::Text("visible ASCII characters without spaces");

settings! { SERVE:
    /// Serve what the console shows for `kreplay attach` on this Unix socket or loopback address.
    "serve.address": Text(ADDRESS) => serve.address as codec::Optional<codec::Parsed>;
    /// Token that attaching consoles must present. A loopback address requires one.
    "serve.token": Secret(SecretFormat::Secret, &TOKEN) => {
        |c, i| store(&mut c.serve.token, i.secret().and_then(bearer_token).map(Some)),
        |c| c.serve.token.as_ref().map(|token| text(&Secret::shown(token))),
    };
    /// Whether attached consoles may send commands, such as pause and stop.
    "serve.control": Bool => serve.control;
}
