//! What a fault is injected into: a process, or the connections between two programs.

/// A service process of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The catalog service, which owns the ledger.
    Catalog,
    /// The order service.
    Order,
    /// The front-end.
    Frontend,
}

impl Role {
    /// All roles, each after those it depends on.
    pub const ALL: [Self; 3] = [Self::Catalog, Self::Order, Self::Frontend];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Catalog => "catalog",
            Self::Order => "order",
            Self::Frontend => "frontend",
        }
    }
}

/// A connection path that passes through a fault proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// From the shoppers to the front-end.
    Customers,
    /// From the front-end to the order service.
    FrontendToOrder,
    /// From the front-end to the catalog.
    FrontendToCatalog,
    /// From the order service to the catalog.
    OrderToCatalog,
}

impl Link {
    /// All links.
    pub const ALL: [Self; 4] = [
        Self::Customers,
        Self::FrontendToOrder,
        Self::FrontendToCatalog,
        Self::OrderToCatalog,
    ];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Customers => "customers→frontend",
            Self::FrontendToOrder => "frontend→order",
            Self::FrontendToCatalog => "frontend→catalog",
            Self::OrderToCatalog => "order→catalog",
        }
    }
}
