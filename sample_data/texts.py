"""What customers, agents and the bot of the sample days write. All of it is invented."""

from __future__ import annotations

from replywatch.sample_data.draws import Draws

TOPICS: dict[str, tuple[str, ...]] = {
    "delivery": (
        "my order {order} was due on Monday and still says 'in transit', where is it?",
        "the courier left parcel {order} at the wrong door, can you help?",
        "tracking for {order} has not moved in four days 😕",
        "can I change the address of {order} before it ships?",
    ),
    "login": (
        "the app logs me out every few minutes since the update",
        "the reset mail never arrives, tried three times and checked spam",
        "two-factor code is refused although the clock of my phone is right",
        "cannot sign in on the new tablet, error {code}",
    ),
    "billing": (
        "charged twice for {order}, please refund one of them",
        "my voucher was not taken off the invoice {order}",
        "why did the monthly price go up without a mail?",
        "need an invoice with our VAT number for {order}",
    ),
    "product": (
        "the {product} stopped charging after a week, is there a repair?",
        "does the {product} work with the older base?",
        "lid of my {product} came cracked, photo attached",
        "firmware {code} made the {product} very loud",
    ),
}
GERMAN = (
    "wo bleibt meine Bestellung {order}? Seit Freitag keine Änderung",
    "die App stürzt beim Öffnen ab, Fehler {code}",
    "{product} lädt nicht mehr, was nun? Grüße",
    "Rechnung {order} enthält den Gutschein nicht",
)
VIRAL = (
    "is this {brand} ad for real?? deleting the app right now",
    "wow {brand}, who approved this video? #acmefail",
    "never buying a {product} again after that clip #acmefail",
    "explain yourselves {brand}. millions have seen it by now",
    "returning my {product} today, shame on you #acmefail",
    "my whole feed is this {brand} video 😡",
)
MORE = (
    "it is {order}, bought in the web shop",
    "tried that, still the same: error {code}",
    "yes, the {product}, the grey one",
    "ok, and how long will it take?",
    "sent it just now, did you get it?",
)
NAGS = ("anyone there?", "hello? still waiting", "it has been a while now…", "bumping this")
THANKS = ("works now, thank you!", "great, thanks a lot", "perfect ❤️", "super, danke!")
AGAIN = ("it is back again, same as before", "spoke too soon, error {code} again")
ANSWERS = (
    "sorry about that! Which order is it about?",
    "thanks for waiting. Please restart the app and try once more.",
    "I have looked it up: {order} leaves the depot tonight.",
    "we will send a new {product} to your address, nothing to pay.",
    "please hold the button for ten seconds until the light turns white.",
    "I see the problem and have passed it to our workshop.",
)
LAST_ANSWERS = (
    "all done, the refund of {order} is on its way. Anything else, just write!",
    "that is fixed on our side now. Have a good day!",
    "a new {product} is booked under {order}, it arrives on Friday.",
)
STATEMENTS = (
    "we hear you. The video was wrong, it is offline and we are sorry.",
    "you are right to be angry. Our statement is pinned on the profile.",
)
FOLLOW_UPS = ("just checking: does the {product} behave?", "did {order} arrive by now?")
NOTES = (
    "customer asks for a refund, second time this month",
    "seems related to firmware {code}, see the known problems",
    "VIP list, please be quick",
    "invoice question, belongs to billing",
)
BOT_ANSWERS = (
    "Hi, I am Roby, the assistant of {brand}. What is the order number?",
    "Hi, Roby here. I have looked up {order}: it is on its way.",
    "Here is how to reset the password: Settings, Account, Reset.",
)
BOT_HANDS_OFF = ("I am bringing in a colleague.", "One moment, a person will take over.")
COMMENTS = ("quick and kind", "took far too long", "solved in one go", "had to ask twice")

_PRODUCTS = ("kettle", "toaster", "lamp", "speaker", "vacuum", "scale")


def fill(template: str, draws: Draws) -> str:
    """The template with an order number, an error code and a product drawn in."""
    return template.format(
        order=f"A-{draws.between(10_000, 99_999)}",
        code=f"E{draws.between(100, 999)}",
        product=draws.pick(_PRODUCTS),
        brand="acme",
    )
