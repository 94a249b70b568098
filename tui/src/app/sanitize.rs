//! Text that comes from outside, made safe to display.

use common::text;

pub(super) fn sanitized(text: &impl ToString) -> String {
    text::sanitize(&text.to_string()).into_owned()
}
