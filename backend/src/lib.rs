//! The bookstore's services: catalog, order and front-end.

pub mod http;
pub mod store;
