//! The command line. Every argument is parsed into the type that is used later.

mod args;
mod display;
#[cfg(feature = "sshd")]
mod remote;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use backend::manual::{CompletionsArgs, ManArgs};
use clap::{Args, Parser, Subcommand, ValueHint};
use common::{Cost, ItemNumber, OrderId, Position};

#[cfg(feature = "sshd")]
pub(crate) use args::SshdArgs;
pub(crate) use args::{AddArgs, AutopilotArgs, BuyArgs, OrdersArgs, RestockArgs, SearchArgs};
pub(crate) use display::{Display, DisplayArgs, Environment};
#[cfg(feature = "sshd")]
pub(crate) use remote::{RemoteCli, RemoteCommand};

use crate::config::Config;

/// The bookstore for the terminal.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "bookstore",
    version,
    about = "The bookstore for the terminal: browse and buy, in a screen or by script, and load-test a shop.",
    after_help = "Configuration: bookstore/config.toml in the user's configuration folder ($XDG_CONFIG_HOME); flags and \
                  environment variables override it.\n\
                  Exit codes: 0 done · 1 refused or not found · 2 wrong usage · 3 no answer, server error or unknown outcome · \
                  4 audit violation · 129 terminal closed · 130 interrupted · 131 quit · 143 terminated"
)]
pub(crate) struct Cli {
    /// The shop, and the output format.
    #[command(flatten)]
    pub(crate) shop: ShopArgs,
    /// The options of the screen.
    #[command(flatten)]
    display: DisplayArgs,
    /// What the configuration file sets.
    #[arg(skip)]
    config: Config,
    /// The command; without one the interactive shop opens.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// The shop, and the output format.
#[derive(Debug, Clone, Args)]
pub(crate) struct ShopArgs {
    /// Address of a running shop, like http://127.0.0.1:8080
    #[arg(long, global = true, env = "BOOKSTORE_URL", value_name = "URL", value_hint = ValueHint::Url)]
    url: Option<String>,
    /// The configuration file's address.
    #[arg(skip)]
    configured_url: Option<String>,
    /// Trust the certificate authorities in this PEM file instead of the system's, for https:// addresses
    #[arg(long, global = true, env = "BOOKSTORE_CA", value_name = "FILE", value_hint = ValueHint::FilePath)]
    ca: Option<PathBuf>,
    /// The shopkeeper's token
    #[arg(
        long,
        global = true,
        env = "BOOKSTORE_ADMIN_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    token: Option<String>,
    /// Print the shop's answer, or its problem, as JSON on one line
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

impl ShopArgs {
    /// The address from the flag, the variable or the configuration file. An empty flag or variable overrides the file and
    /// selects the local store.
    pub(crate) fn url(&self) -> Option<&str> {
        let url = self.url.as_deref().or(self.configured_url.as_deref());
        url.filter(|url| !url.trim().is_empty())
    }

    /// The address from the flag or the variable.
    pub(crate) fn named_url(&self) -> Option<&str> {
        self.url.as_deref().filter(|url| !url.trim().is_empty())
    }

    /// These arguments without an address, for the local store.
    pub(crate) fn without_url(&self) -> Self {
        Self {
            url: None,
            configured_url: None,
            ..self.clone()
        }
    }

    /// The file of certificate authorities for an `https://` address; `None` for those of the system.
    pub(crate) fn ca(&self) -> Option<&Path> {
        self.ca.as_deref()
    }

    /// The shopkeeper's token; an empty one counts as none.
    pub(crate) fn token(&self) -> Option<&str> {
        self.token.as_deref().map(str::trim).filter(|token| !token.is_empty())
    }
}

impl Cli {
    /// Applies the configuration file where neither a flag nor a variable is set.
    pub(crate) fn apply(&mut self, config: Config) {
        self.shop.configured_url.clone_from(&config.url);
        self.config = config;
    }

    /// The options of the screen; those after the subcommand override those before it.
    pub(crate) fn display(&self, after: Option<&DisplayArgs>, environment: &Environment) -> Display {
        Display::new(&self.display, after, &self.config, environment)
    }
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    Online(OnlineCommand),
    #[command(flatten)]
    Offline(OfflineCommand),
}

/// The commands that use a shop.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum OnlineCommand {
    /// Load-test a shop with simulated shoppers, and audit that no copy was sold twice
    Autopilot(Box<AutopilotArgs>),
    #[command(flatten)]
    Customer(CustomerCommand),
    /// Serve the shop over SSH, to any terminal that has `ssh`
    #[cfg(feature = "sshd")]
    Sshd(SshdArgs),
    /// Change the stock of a book (shopkeeper)
    Restock(RestockArgs),
    /// Change the price of a book (shopkeeper)
    Price {
        /// The book's item number
        #[arg(value_name = "N")]
        item: ItemNumber,
        /// The new cost of one copy, like 9.50
        #[arg(value_name = "COST")]
        cost: Cost,
    },
    /// Add a book to the shop (shopkeeper)
    Add(AddArgs),
    /// Withdraw a book from the shop, with its stock (shopkeeper)
    Withdraw {
        /// The book's item number
        #[arg(value_name = "N")]
        item: ItemNumber,
    },
}

/// The commands of customers, also offered over SSH.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum CustomerCommand {
    /// List the topics
    Topics,
    /// Find books by words or by topic
    Search(SearchArgs),
    /// Show one book
    Lookup {
        /// The book's item number
        #[arg(value_name = "N")]
        item: ItemNumber,
    },
    /// Buy books as one order; if an answer is lost, the same order is sent again, never a second one
    Buy(BuyArgs),
    /// Show the receipt of an order
    Order {
        /// The order's id
        #[arg(value_name = "ID")]
        order: OrderId,
    },
    /// Print stock changes as they happen, until Ctrl-C
    Watch {
        /// Start after this ledger entry instead of now
        #[arg(long, value_name = "SEQ")]
        after: Option<Position>,
    },
}

/// The commands that use neither a shop nor the configuration.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum OfflineCommand {
    /// Run one service in this process, for `autopilot --faults`
    #[command(hide = true, disable_help_flag = true)]
    Serve {
        /// The arguments of `bookstored`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// List your orders from this computer, placed on the screen or by commands, at any shop
    Orders(OrdersArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print the man page, or write one page for each command to a folder
    Man(ManArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use common::Stock;
    use common::wire::StockChange;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_command_line_is_well_defined() {
        Cli::command().debug_assert();
    }

    #[test]
    fn shop_flags_are_accepted_before_and_after_the_subcommand() {
        for line in [
            "bookstore --url http://x --token t --json topics",
            "bookstore topics --url http://x --token t --json",
            "bookstore --json topics --url http://x --token t",
        ] {
            let cli = parse(line).unwrap();
            assert_eq!(
                (cli.shop.url(), cli.shop.token(), cli.shop.json),
                (Some("http://x"), Some("t"), true)
            );
        }
    }

    #[test]
    fn a_restock_takes_a_signed_change_or_a_new_stock() {
        for (line, change) in [
            ("bookstore restock 1 --by -3", StockChange::By(-3)),
            ("bookstore restock 1 --by +3", StockChange::By(3)),
            ("bookstore restock --by=-3 1", StockChange::By(-3)),
            ("bookstore restock 1 --to 0", StockChange::To(Stock::ZERO)),
        ] {
            let Some(Command::Online(OnlineCommand::Restock(args))) = parse(line).unwrap().command else {
                panic!("{line:?} is parsed as another command")
            };
            assert_eq!(args.change(), change, "{line}");
        }
        for line in [
            "bookstore restock 1",
            "bookstore restock 1 --by 1 --to 1",
            "bookstore restock 1 --to -1",
            "bookstore restock 1 --by 1.5",
        ] {
            assert!(parse(line).is_err(), "{line:?} was accepted");
        }
    }

    #[test]
    fn invalid_arguments_are_refused() {
        for line in [
            "bookstore lookup 0",
            "bookstore lookup x",
            "bookstore price 1",
            "bookstore price 1 -1",
            "bookstore price 1 1.001",
            "bookstore add 1 Title --topic t",
            "bookstore add 1 Title --cost 1",
            "bookstore add 1 Title --topic t --cost 1 --stock -1",
            "bookstore withdraw 0",
            "bookstore buy 1 --quantity 0",
            "bookstore buy 1 --quantity 101",
            "bookstore buy 1 --key abc",
            "bookstore buy 1 --within 31s",
            "bookstore order 1",
            "bookstore search",
            "bookstore search a --topic b",
            "bookstore search a --limit 0",
            "bookstore watch --after -1",
            "bookstore autopilot --shoppers 0",
            "bookstore autopilot --duration 0s",
            "bookstore autopilot --mix 1:2",
            "bookstore autopilot --popularity normal",
            "bookstore autopilot --rate 0",
            "bookstore autopilot --rate 5 --think 1s",
            "bookstore autopilot --restock 0",
            "bookstore autopilot --basket 0..3",
            "bookstore autopilot --basket 21",
        ] {
            assert!(parse(line).is_err(), "{line:?} was accepted");
        }
    }

    #[test]
    fn the_defaults_of_a_run_depend_on_rate_and_faults() {
        for (line, shoppers, restock) in [
            ("bookstore autopilot", 1, None),
            ("bookstore autopilot --rate 5", 64, None),
            ("bookstore autopilot --faults --rate 5", 16, Some(1_000)),
            ("bookstore autopilot --faults --shoppers 2 --restock 7", 2, Some(7)),
        ] {
            let Some(Command::Online(OnlineCommand::Autopilot(args))) = parse(line).unwrap().command else {
                panic!("{line:?} is parsed as another command")
            };
            assert_eq!(
                (args.settings.shoppers, args.settings.restock),
                (shoppers, restock),
                "{line}"
            );
        }
    }
}
