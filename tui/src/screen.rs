//! The screens of the terminal shop: the one table that the tabs, the keys, the help and the palette read.

/// What fills the frame between the header and the hint row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Screen {
    /// Topics, books, one book.
    #[default]
    Shop,
    /// Orders and receipts.
    Orders,
    /// Simulated shoppers.
    Autopilot,
    /// Health and counters.
    Services,
}

/// How a screen is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScreenInfo {
    /// The title in the tabs.
    pub name: &'static str,
    /// The default key.
    pub key: &'static str,
    /// The label in the hint row, which is also the command's name in the configuration file.
    pub label: &'static str,
    /// The sentence in the help and the palette.
    pub help: &'static str,
}

impl Screen {
    /// Every screen, in the order of the tabs.
    pub const ALL: [Self; 4] = [Self::Shop, Self::Orders, Self::Autopilot, Self::Services];

    /// How the screen is listed.
    pub fn info(self) -> ScreenInfo {
        let info = |key, name, label, help| ScreenInfo { name, key, label, help };
        match self {
            Self::Shop => info("1", "Shop", "shop", "Topics, books and one book"),
            Self::Orders => info("2", "Orders", "orders", "Your orders and receipts"),
            Self::Autopilot => info(
                "3",
                "Autopilot",
                "autopilot",
                "Simulated shoppers, measured and audited",
            ),
            Self::Services => info("4", "Services", "services", "Health and counters of the shop"),
        }
    }

    /// The title in the tabs.
    pub fn name(self) -> &'static str {
        self.info().name
    }
}
