//! The command line of an SSH client: only customers' commands, without the server's variables and options.

use clap::{Parser, Subcommand};

use super::{CustomerCommand, OrdersArgs};

#[derive(Debug, Parser)]
#[command(
    name = "bookstore",
    about = "The bookstore over SSH: without a command it opens in your terminal.",
    override_usage = "ssh HOST [COMMAND]",
    after_help = "Only these commands exist over SSH, and they take no address, no file and no token.",
    disable_version_flag = true
)]
pub(crate) struct RemoteCli {
    /// Print the shop's answer, or its problem, as JSON on one line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: RemoteCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RemoteCommand {
    #[command(flatten)]
    Customer(CustomerCommand),
    /// List the orders of your key or, as a guest, of this session
    Orders(OrdersArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn only_what_customers_may_do_is_parsed() {
        RemoteCli::command().debug_assert();
        let parse = |line: &str| RemoteCli::try_parse_from(line.split(' '));
        for line in [
            "bookstore topics",
            "bookstore search war --limit 3",
            "bookstore lookup 2 --json",
            "bookstore --json buy 1:2 2",
            "bookstore order 0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e",
            "bookstore orders --csv",
            "bookstore watch --after 3",
        ] {
            assert!(parse(line).is_ok(), "{line}");
        }
        for line in [
            "bookstore",
            "bookstore sh",
            "bookstore autopilot --headless",
            "bookstore serve all",
            "bookstore sshd",
            "bookstore man /tmp",
            "bookstore completions bash",
            "bookstore restock 1 --to 5",
            "bookstore price 1 0",
            "bookstore add 9 T --topic t --cost 1",
            "bookstore withdraw 1",
            "bookstore topics --url http://127.0.0.1:1",
            "bookstore --token t topics",
            "bookstore topics --ca /etc/passwd",
            "bookstore --version",
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}: {error}");
        }
    }

    #[test]
    fn no_argument_reads_a_variable_of_the_server() {
        fn check(command: &clap::Command) {
            for argument in command.get_arguments() {
                assert_eq!(argument.get_env(), None, "{argument}");
            }
            command.get_subcommands().for_each(check);
        }
        check(&RemoteCli::command());
    }
}
