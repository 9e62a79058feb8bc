//! `[serve]`: whether and where consoles can attach to this process.

use kreplay_attach::{Address, BindError, ServerOptions};
use kreplay_model::domain::Secret;

/// Whether and where consoles can attach to this process.
#[derive(Clone, Debug, Default)]
pub struct ServeSettings {
    /// Where to listen; `None` serves nothing.
    pub address: Option<Address>,
    /// The token that consoles must have.
    pub token: Option<Secret>,
    /// Whether consoles may send commands.
    pub control: bool,
}

impl ServeSettings {
    /// Who may attach, and what they may do.
    #[must_use]
    pub fn options(&self) -> ServerOptions {
        ServerOptions { token: self.token.clone(), control: self.control }
    }

    /// Why these settings cannot be used, in one sentence with the next step.
    #[must_use]
    pub fn contradiction(&self) -> Option<String> {
        let address = self.address.as_ref().filter(|address| matches!(address, Address::Loopback(_)))?;
        self.token.is_none().then(|| BindError::NoToken(address.clone()).to_string())
    }
}
