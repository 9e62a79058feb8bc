//! `kreplay completions SHELL`: shell completions.

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use super::Cli;

/// The flags of `completions`.
#[derive(Args, Clone)]
pub struct CompletionsArgs {
    /// Shell to print completions for
    shell: Shell,
}

/// Returns the text for standard output.
pub(super) fn execute(args: &CompletionsArgs) -> String {
    let mut text = Vec::new();
    generate(args.shell, &mut Cli::command(), "kreplay", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn the_completions_of_each_shell_know_commands_and_flags() {
        for shell in Shell::value_variants() {
            let text = execute(&CompletionsArgs { shell: *shell });
            for word in ["watch", "groups", "bootstrap-server"] {
                assert!(text.contains(word), "{shell}: {word}");
            }
        }
    }

    #[test]
    fn bash_can_read_its_completions() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("kreplay.bash");
        std::fs::write(&file, execute(&CompletionsArgs { shell: Shell::Bash })).unwrap();
        let status = std::process::Command::new("bash").arg("-n").arg(&file).status().unwrap();
        assert!(status.success());
    }
}
