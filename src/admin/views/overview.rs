//! The administration's first page: four numbers, and what needs a look.

use maud::{Markup, html};

use super::{Tab, page};
use crate::chat::Shell;
use crate::web::icons::icon;
use crate::web::words::{counted, number};

/// The numbers of the overview.
#[derive(Debug, Clone, Copy, Default)]
pub struct Overview {
    /// People with an account.
    pub users: i64,
    /// People with at least one open socket.
    pub users_online: i64,
    /// Open sockets.
    pub sockets: i64,
    /// Messages stored.
    pub messages: i64,
    /// Messages written since midnight, UTC.
    pub messages_today: i64,
    /// Rooms that are open.
    pub rooms_open: i64,
    /// Rooms that are archived.
    pub rooms_archived: i64,
    /// Jobs that were given up.
    pub jobs_given_up: i64,
}

/// The overview.
pub fn overview(shell: &Shell<'_>, numbers: &Overview) -> Markup {
    let content = html! {
        h2.visually-hidden { "Overview" }
        @if numbers.jobs_given_up > 0 {
            div class="alert warn" role="status" {
                (icon("triangle-alert"))
                p { (counted(numbers.jobs_given_up, "job was", "jobs were")) " given up. " a class="underline" href="/admin/jobs" { "See why" } }
            }
        }
        dl class="grid grid-cols-4 gap-3.5 @max-[800px]:grid-cols-2 @max-[640px]:gap-2.5" {
            (card("users", "Users online", numbers.users_online, &format!("of {}", number(numbers.users))))
            (card("message-circle", "Messages today", numbers.messages_today, &format!("{} in all", number(numbers.messages))))
            (card("activity", "Open sockets", numbers.sockets, &per_person(numbers)))
            (card("hash", "Open rooms", numbers.rooms_open, &counted(numbers.rooms_archived, "archived", "archived")))
        }
    };
    page(shell, Tab::Overview, &content)
}

fn card(image: &str, name: &str, value: i64, more: &str) -> Markup {
    html! {
        div class="card px-4.5 py-4 @max-[640px]:p-3.5" {
            dt class="flex items-center gap-2 text-t2 *:size-4" { (icon(image)) (name) }
            dd class="mt-1 mb-0.5 text-28 font-650 tracking-title tabular-nums" { (number(value)) }
            dd class="text-13 text-t3" { (more) }
        }
    }
}

/// Sockets per person online, with one decimal.
fn per_person(numbers: &Overview) -> String {
    if numbers.users_online <= 0 {
        return "nobody is connected".to_owned();
    }
    let tenths = (numbers.sockets * 10 + numbers.users_online / 2) / numbers.users_online;
    format!("{}.{} per person", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_per_person_are_rounded_to_tenths() {
        let told = |sockets, users_online| {
            per_person(&Overview {
                users_online,
                sockets,
                ..Overview::default()
            })
        };
        assert_eq!(told(31, 23), "1.3 per person");
        assert_eq!(told(2, 2), "1.0 per person");
        assert_eq!(told(0, 0), "nobody is connected");
    }
}
