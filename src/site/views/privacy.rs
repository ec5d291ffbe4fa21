//! The privacy page: what is stored, why, for how long, and who can read it. It follows the schema; whoever adds
//! something personal to a table adds a row here.

use maud::{Markup, html};

use crate::accounts::model::CONSENT_VERSION;
use crate::web::{Ctx, Viewer, layout};

/// What is stored, why, and how long.
const STORED: [(&str, &str, &str); 18] = [
    (
        "Your account: username, first and last name, the display name and the lines about you if you give any, the role (member or administrator), and when it was made",
        "So that you can log in, and so that others know who writes.",
        "As long as the account exists.",
    ),
    (
        "Your e-mail address, if you give one",
        "To log in with it, if you were the first who gave it or among the last two; your username always works. Other people do not see it; administrators do.",
        "As long as the account exists.",
    ),
    (
        "Your picture, if you give one: three small squares of it, not encrypted. The file itself, and what it says of camera and place, is not kept",
        "So that others recognise you. Whoever has no account here cannot see it.",
        "Until you remove it or choose another one.",
    ),
    (
        "Your password, only as an Argon2id hash",
        "To check it when you log in. The password cannot be read from it.",
        "As long as the account exists.",
    ),
    (
        "That and when you agreed to this page, and to which version of it",
        "Without your consent there is no account, so it has to be known. When this page says something new you are asked again before the next page that you open. Only whoever made their account on the command line of this server is not asked, and nothing is stored.",
        "As long as the account exists.",
    ),
    (
        "Your logins: the browser and system you used, the network address it came from, when it began and was last used. The key in your cookie only as a hash",
        "To know that it is you, to show you where you are logged in, and to end a login everywhere at once.",
        "It ends when you log out, and after 30 days without use at the latest (one day without “stay logged in”). It is deleted 30 days later. The network address is forgotten 30 days after the login began.",
    ),
    (
        "Your choices: the look, and whether others see that you are online and what you have read",
        "To keep to them wherever you log in.",
        "As long as the account exists.",
    ),
    (
        "When you were last online, unless you do not show when you are online",
        "To tell your friends and whoever shares a room with you when they may expect an answer.",
        "Until you are online again, or delete your account.",
    ),
    (
        "Whether your e-mail address is confirmed, and of links mailed to you a hash, with the address that one confirms",
        "To let you back in when you forget your password, and to mail nobody but you.",
        "The address until you give another one; a link for an hour.",
    ),
    (
        "Mails to you that are still to be sent, encrypted",
        "To send them again when the mail server is away.",
        "Until they are sent, or 30 days after they could not be.",
    ),
    (
        "Your messages: the text encrypted; room, author, time, order, what each answers and when it was changed last in the clear",
        "So that the people in the room can read them, in order.",
        "The text until you change it, or it is deleted, or your account or the room is. That there was a message, by whom and when, stays; after your account is deleted, by nobody.",
    ),
    (
        "The files that you send: their content, name and kind encrypted; their size, and with which message they go, in the clear. Of JPEG, PNG, GIF and WebP pictures only what is seen of them, not what a camera writes about itself and the place; other files are kept as they are",
        "So that the people in the room can open them.",
        "Until the message is deleted, or your account or the room is; what you do not send, for an hour. The bytes are gone some seconds later.",
    ),
    (
        "The emoji that you give to messages, in the clear",
        "So that the people in the room see who reacts with what.",
        "Until you take them back, or the message is deleted, or your account or the room is.",
    ),
    (
        "The rooms you are in, and when you joined and left",
        "To show you the right rooms, and others who is there.",
        "That you are in a room: until you leave it or delete your account. That somebody came and left: until the room is deleted, without your name after your account is deleted.",
    ),
    (
        "Whom you asked to be your friend and who asked you, your friends, whom you block, and who invited whom into which room",
        "So that both of you see the same, and so that you hear nothing of whom you block. They are not told.",
        "Until one of you ends it, or deletes the account.",
    ),
    (
        "Up to which message you have read each room, and whether you muted it",
        "To show you on every device what is new, and in a direct chat the other person that you have read, unless one of you does not want that.",
        "As long as you are in the room.",
    ),
    (
        "If you are banned: since when, and why. If you are an administrator: what you did about people and public rooms",
        "So that administrators can answer for what they do. The list of it only grows.",
        "The ban until it ends. The list for good, without your name after your account is deleted.",
    ),
    (
        "After you deleted your account: your username, only as a hash with a secret key",
        "So that nobody takes your place right away.",
        "30 days.",
    ),
];

/// The names of our cookies, what they are for, and how long they live.
const COOKIES: [(&str, &str, &str); 4] = [
    (
        "umbra_session",
        "Keeps you logged in.",
        "Until the browser closes, or 30 days if you say so.",
    ),
    (
        "umbra_csrf",
        "Protects forms against being sent by other sites.",
        "Until the browser closes.",
    ),
    (
        "umbra_device",
        "Says which accounts you have logged in to with this browser, so that you can log in while somebody else guesses your password.",
        "A year after the last login.",
    ),
    ("umbra_theme", "Remembers night or dawn.", "A year, if you choose one."),
];

/// The privacy page.
pub fn privacy(ctx: &Ctx, viewer: Option<&Viewer>) -> Markup {
    let text = html! {
        h2 { "In short" }
        ul {
            li { "Everything stays on this server. Nothing is loaded from another host, and nothing is sent to one but the mails that go to you." }
            li { "What you write is encrypted before it is stored." }
            li { "The running server can read messages, because it has to show them. Whoever runs it could, too." }
            li { "No tracking, no advertising, no statistics about people." }
        }
        h2 { "What is stored" }
        (facts(["What", "Why", "How long"], &STORED))
        h2 #encryption { "What encryption means here" }
        p {
            "Every room and every person has a key of their own, and these keys are themselves encrypted with the master key of this server. "
            "A message is encrypted with a key made from both, the room's and the author's: "
            "if either is destroyed, nobody can read the message any more."
        }
        p {
            "This is encryption at rest. A stolen disk, database or backup shows no text without the master key. "
            "It is not end-to-end encryption: the running server holds the master key, opens messages to show them to the people in the room, "
            "and could be changed by whoever runs it. So write here what you would entrust to the people who run this server."
        }
        h2 { "Who can see what" }
        ul {
            li { "Everybody with an account here can find and join the public rooms, and then reads all that was written in them." }
            li {
                "Others see your name, your username, what you say about yourself, since when you are here, and how many people are online in the room they have open. You can hide in your "
                a class="underline" href="/settings/data" { "settings" } ": then you are not counted."
            }
            li {
                "Administrators also see your e-mail address, when you were last here (to the hour, also if you hide), "
                "and how many messages a room has."
            }
        }
        h2 { "Network addresses" }
        p {
            "To stop somebody from guessing passwords, the server counts attempts per network address. "
            "It does so in its memory, for minutes, and stores none of it in the database. "
            "The address that a login came from is stored with it, as said above, and only you see it."
        }
        h2 { "Cookies" }
        p { "Only what it needs to work. Over an encrypted connection the first three names begin with " code { "__Host-" } ", elsewhere they end with an id of this server." }
        (facts(["Name", "What for", "How long"], &COOKIES))
        h2 { "In your browser" }
        p {
            "Messages that could not be sent yet are kept in your browser until they are, and what you were about to write in "
            "the tab you have open, so that a broken connection loses nothing. Another account in the same browser does not see "
            "them. Logging out asks you if there are such messages, and removes them all."
        }
        h2 { "Your rights" }
        p {
            "You can download everything that is stored about you in your "
            a class="underline" href="/settings/data" { "settings" }
            ": your account, your consent, your logins, your rooms, and all that you wrote. "
            "There you can also delete your messages, in one room or in all, or your account with everything in it: "
            "its key is destroyed at once, so that nobody can read what you wrote, and the rest follows within minutes. "
            "You can ask the people who run this server what is stored about you, have it corrected, and have it deleted. "
            "How long backups are kept is up to them as well: ask. As long as there is one from before, what you deleted stands in it, encrypted."
        }
        p class="mt-10 text-13 text-t3" { "Version " (CONSENT_VERSION) " of this page." }
    };
    let lead = "What this server stores about you, why, for how long, and who can read it.";
    layout::public(ctx, viewer, "Privacy", layout::prose("Privacy", lead, text))
}

/// Three columns; on a phone each row becomes a block.
fn facts(head: [&str; 3], rows: &[(&str, &str, &str)]) -> Markup {
    html! {
        table class="mt-4 w-full text-start text-15 max-md:block" {
            thead class="max-md:sr-only" {
                tr { @for title in head { th class="border-b border-line py-2 pe-6 text-start text-12 font-600 text-t3 last:pe-0" scope="col" { (title) } } }
            }
            tbody class="max-md:block" {
                @for (what, why, how_long) in rows {
                    tr class="align-top max-md:block max-md:border-b max-md:border-line max-md:py-3.5" {
                        th class="w-2/5 border-b border-line py-3.5 pe-6 text-start font-500 text-t1 max-md:block max-md:w-auto max-md:border-0 max-md:p-0" scope="row" { (what) }
                        @for (label, text) in [(head[1], why), (head[2], how_long)] {
                            td class="border-b border-line py-3.5 pe-6 last:pe-0 max-md:mt-1.5 max-md:block max-md:border-0 max-md:p-0 max-md:before:text-t3 max-md:before:content-[attr(data-label)_':_']" data-label=(label) { (text) }
                        }
                    }
                }
            }
        }
    }
}
