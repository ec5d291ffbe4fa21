//! Who has read the messages of a room: the script shows it under the reader's own.

use maud::{Markup, html};

use crate::accounts::model::Author;
use crate::ids::Seq;
use crate::web::components::avatar;

/// Who has read what, as far as the reader of the page may know it.
#[derive(Debug, Default)]
pub enum Readers {
    /// Nothing.
    #[default]
    Unknown,
    /// In a direct chat: up to which message the other person.
    Ticked(Seq),
    /// In a room of a few people: up to which message each of them.
    Named(Vec<(Author, Seq)>),
    /// In a larger one.
    Counted {
        /// How many others have read that message.
        count: i64,
        /// The newest message of the page's reader.
        seq: Seq,
        /// Up to which message they have read themselves.
        own: Seq,
    },
}

/// What the script draws from.
pub fn readers(readers: &Readers) -> Markup {
    html! {
        @match readers {
            Readers::Unknown => {}
            Readers::Ticked(seq) => ul #readers hidden data-receipt=(seq) {},
            Readers::Named(people) => ul #readers hidden { @for (person, seq) in people { (reader(person, *seq)) } },
            Readers::Counted { count, seq, own } => ul #readers hidden data-count=(count) data-seq=(seq) data-own=(own) {},
        }
        template #read-by {
            p class="row-start-6 col-span-full mt-1 flex items-center justify-end gap-1.5 justify-self-end text-12 text-t3" {
                span class="flex -space-x-1" {}
                span {}
            }
        }
    }
}

/// Up to which message somebody has read.
pub fn reader(person: &Author, seq: Seq) -> Markup {
    html! { li data-author=(person.id) data-seq=(seq) { (avatar(person.face(), 18)) span.author { bdi { (person.name) } } } }
}
