//! `kreplay attach`: the console on running processes.

use std::path::Path;

use clap::{Args, ValueHint};
use kreplay_attach::{Address, AttachError, AttachOptions, Attachment};
use kreplay_console::{
    ConsoleOptions,
    state::{ChangeAccess, ScreenId},
};
use tokio::runtime::Runtime;

use super::{
    CliError, Exit,
    args::{FileArgs, ThemeArgs, put_token},
    console_options::{console_options, is_terminal},
    recording::SessionRecording,
    signals::stop_signal,
};
use crate::config::{Config, Environment, Overrides};

/// Why groups cannot be changed.
const NO_CHANGES: &str = "an attached console cannot change groups; use `kreplay groups`";

/// The flags of `attach`.
#[derive(Args, Clone)]
pub struct AttachArgs {
    /// Addresses of the processes, as given to their --serve
    #[arg(value_name = "PATH|HOST:PORT", required = true)]
    addresses: Vec<Address>,
    /// Send commands to the processes, if they were started with --serve-control
    #[arg(long)]
    control: bool,
    /// File with the token of the processes [default: $KREPLAY_SERVE_TOKEN]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[allow(clippy::doc_markdown, reason = "the text of --help")]
    token_file: Option<String>,
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    theme: ThemeArgs,
}

/// Opens the console on running processes.
pub(super) fn execute(args: &AttachArgs, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
    let mut overrides = Overrides { file: args.file.config.clone(), ..Overrides::default() };
    put_token(&mut overrides, "--token-file", args.token_file.as_ref());
    args.theme.put(&mut overrides);
    let config = Config::load(&overrides, environment, directory)?;
    if !is_terminal() {
        return Err(CliError::Usage("attach opens the console, which needs a terminal".to_owned()));
    }
    let console = console_options(&config)?;
    let options = AttachOptions { token: config.serve.token.clone(), control: args.control };
    let runtime = Runtime::new().map_err(|error| CliError::Failed(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let attachment = tokio::select! {
            opened = Attachment::open(&args.addresses, &options) => {
                opened.map_err(|error| match error {
                    AttachError::Twice(_) => CliError::Usage(error.to_string()),
                    error => CliError::Failed(error.to_string()),
                })?
            }
            () = stop_signal() => return Ok(Exit::Stopped),
        };
        let mut recording = SessionRecording::on_request_only(&config, "attach");
        let shown = show(&attachment, console, &mut recording).await;
        recording.finish();
        shown
    })
}

/// Shows the processes until the user quits.
async fn show(
    attachment: &Attachment,
    console: ConsoleOptions,
    recording: &mut SessionRecording,
) -> Result<Exit, CliError> {
    let console = recording.offer(&attachment.feed, attachment.group_events.clone(), console);
    let options = ConsoleOptions {
        home: if attachment.has_session { ScreenId::Dashboard } else { ScreenId::Trouble },
        watch: attachment.watch.clone(),
        silences: attachment.silences.clone(),
        inspect: Some(attachment.records.clone()),
        journals: Some(attachment.journals.clone()),
        group_events: attachment.group_events.clone(),
        change_access: ChangeAccess::Unavailable(NO_CHANGES.into()),
        attached: Some(attachment.view.clone()),
        ..console
    };
    let shown = kreplay_console::run(attachment.feed.clone(), attachment.control.clone(), options).await;
    shown.map(|()| Exit::Done).map_err(|error| CliError::Failed(error.to_string()))
}
