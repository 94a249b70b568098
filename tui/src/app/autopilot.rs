//! What the shop knows of the autopilot; the run itself is behind [`crate::ui::ScreenView`].

#[derive(Debug)]
pub(crate) struct AutopilotState {
    /// Whether the autopilot can be used, or why not.
    pub(crate) available: Result<(), String>,
    pub(crate) status: RunStatus,
}

/// The state of a run, as far as keys and hints depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RunStatus {
    /// Shoppers buy, or are paused.
    pub(crate) running: bool,
    /// A run was started, whether or not it has ended.
    pub(crate) has_run: bool,
    pub(crate) paused: bool,
    pub(crate) stopping: bool,
    /// The charts do not move.
    pub(crate) frozen: bool,
    /// One chart fills the whole screen.
    pub(crate) expanded: bool,
    /// The shoppers of this run, or of the next one.
    pub(crate) shoppers: u32,
}
