// The script of the application's pages. It is put before htmx, hx-ws, hx-upsert and Alpine in one deferred file, so that
// its listeners and the scroll position are there before any of them starts.
//
// What it expects of a room's page:
//   #room [data-room data-slug data-change data-me]   owns the socket, where something can be written in the room
//   #inbox [data-me]                        owns it on every other page of the shell
//   #public-rooms [data-rooms data-open] > li#room-<id>; #mine [data-mine]: what of the side bar is the reader's own
//   #connection.banner > p > strong         texts and countdown are written there; a button "Try now"
//   .disconnected                           set on #room or #inbox while there is no connection: dots go hollow
//   #room.closed                            set when nothing can be sent any more
//   #scroller > ol#messages                 li#m-<seq> and li#e-<change>[data-kind], #older first, unconfirmed ones last
//   template#folded-events > li.folded      button > span: sums up many events in a row
//   [data-author] .author, .avatar          how that person is shown; a link to /@<username> opens in #dialog
//   [data-presence]                         whether that friend is online
//   details.members[open]                   the members stand beside the messages, in #members-panel
//   #to-newest > span                       "3 new messages"
//   #typing > .typing-dots, p               who types
//   #announcer                              the polite live region
//   form#composer > textarea[data-max]      .has-text while there is something to send; .counter near the limit;
//                                           #composer-error says why something was not sent
//   a#attach, #attach-input[data-max]       choose files: see choosing.js; #drop-hint is shown while some are dragged
//   button#add-emoji                        opens a form[method=dialog] of all emoji: see reactions.js
//   #attachments, template#attachment > li  the files of the next message: [data-name], [data-size], [data-problem],
//                                           canvas, progress, [data-retry], [data-remove]; #attaching says how they are
//   a[data-picture][data-name] > img        a picture in a message, shown in dialog#lightbox: see lightbox.js
//   #composer > … > #answering              what is answered: [name=reply_to], .quote; [data-cancel] gives that up
//   .quote[data-quoted]                     leads to the message of that number
//   #editing > form                         changes a message, in the composer's place; [data-cancel] gives that up
//   button[data-copy]                       copies the field with that id, or the code in its .code
//   #readers, template#read-by              who has read the reader's own messages: see readers.js
//   template#message-menu > details         the menu of a message
//   template#muted-sign                     what stands at a room that is muted
//   template#pending-message > li           .body, time; .note > .reason, button.retry, button.discard
//   #switch-row, template#switcher          the quick switcher, shown in #dialog: #switch-q, #switched [role=option]
//   template#unsent-question                asked in #dialog before a log-out; the focus returns to summary#account
//
// It dispatches two events. `mine:changed` on the body: something came that concerns the reader's own people or rooms.
// `room:changed` on an open #member-list: somebody came, went, or is something else in the room now. What shows more of
// that than the page is sent asks for itself anew.

import * as announcer from "./announcer.js";
import * as attachments from "./attachments.js";
import * as banner from "./banner.js";
import * as composer from "./composer.js";
import * as connection from "./connection.js";
import * as copy from "./copy.js";
import { crop } from "./crop.js";
import * as folding from "./folding.js";
import * as forms from "./forms.js";
import { dialog } from "./dialog.js";
import * as editing from "./editing.js";
import * as lightbox from "./lightbox.js";
import * as logout from "./logout.js";
import * as members from "./members.js";
import * as menus from "./menus.js";
import * as messageMenu from "./messageMenu.js";
import * as names from "./names.js";
import * as outbox from "./outbox.js";
import * as password from "./password.js";
import * as presence from "./presence.js";
import * as profiles from "./profiles.js";
import { emojiPicker } from "./reactions.js";
import * as readers from "./readers.js";
import * as replies from "./replies.js";
import * as scroll from "./scroll.js";
import * as switcher from "./switcher.js";
import * as theme from "./theme.js";
import * as timeline from "./timeline.js";
import * as times from "./times.js";
import { toast } from "./toast.js";
import * as typing from "./typing.js";
import * as unread from "./unread.js";
import * as viewport from "./viewport.js";

document.addEventListener("alpine:init", () => {
  window.Alpine.data("crop", crop);
  window.Alpine.data("dialog", dialog);
  window.Alpine.data("emojiPicker", emojiPicker);
  window.Alpine.data("toast", toast);
});

// The question before a log-out comes before the forms. Watchers of the connection come before it, and the place in the
// list last: by then all that is drawn is drawn.
const parts = [
  logout, forms, menus, copy, profiles, switcher, password, theme, viewport, times, banner, members, outbox, composer,
  attachments, announcer, folding, timeline, connection, scroll, unread, typing, presence, messageMenu, editing, replies,
  readers, names, lightbox,
];
for (const part of parts) part.start();
