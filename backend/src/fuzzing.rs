//! Fuzz targets: what holds for every input of the parsers of this crate. `backend/fuzz` runs them.

use common::fuzzing::Target;

use crate::config::fuzzing::service_configuration;

/// The targets.
pub const TARGETS: [Target; 1] = [("service_configuration", service_configuration)];
