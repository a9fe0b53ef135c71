"""The sentences of the generated speech corpus: everyday statements without an emotion.

Written for this project, twelve per language, none a translation of another. The last four of a
language are kept for its held-out speakers, so that a validation speaker says nothing that a
training speaker said. All end with a full stop: the punctuation does not give the emotion away.
"""

# ruff: noqa: RUF001 - Urdu ends its sentences with a full stop of its own
from __future__ import annotations

__all__ = ["HELD_OUT_TEXTS", "TEXTS"]

HELD_OUT_TEXTS = 4
"""The last so many texts of every language are spoken by held-out speakers only."""

TEXTS: dict[str, tuple[str, ...]] = {
    "en": (
        "The keys are on the table.",
        "We meet again on Thursday.",
        "The bus stops near the school.",
        "She put the letter in a drawer.",
        "There is milk in the fridge.",
        "The blue chair stands outside.",
        "He parked behind the house.",
        "My shoes are still by the door.",
        "The window faces the street.",
        "They walked along the river.",
        "Dinner will be at seven.",
        "I bought some bread today.",
    ),
    "zh": (
        "他在图书馆看书。",
        "桌上有一杯茶。",
        "我明天去买水果。",
        "电影八点开始。",
        "她把伞放在门口。",
        "这条路通往车站。",
        "他们在楼下打球。",
        "我的手机在包里。",
        "妹妹在画一匹马。",
        "今天的汤有点淡。",
        "房间里有三张床。",
        "老师走进了教室。",
    ),
    "de": (
        "Der Zug kommt um vier Uhr.",
        "Das Buch liegt auf dem Bett.",
        "Wir gehen später einkaufen.",
        "Die Tasse steht im Schrank.",
        "Er hat die Zeitung gelesen.",
        "Im Garten wächst ein Baum.",
        "Sie wohnt im zweiten Stock.",  # codespell:ignore sie
        "Morgen wird die Straße geputzt.",
        "Das Licht ist noch an.",  # codespell:ignore ist
        "Die Post war heute schon da.",
        "Mein Bruder arbeitet in der Stadt.",
        "Auf dem Dach sitzt ein Vogel.",
    ),
    "fr": (
        "Le café est dans la cuisine.",
        "Il a plu pendant la nuit.",
        "La voiture est au garage.",
        "Nous partons à la campagne.",
        "Elle écrit avec un stylo noir.",
        "Le marché ouvre le mardi.",
        "Mon voisin arrose ses fleurs.",
        "La radio est sur l'étagère.",
        "Le chat dort près du feu.",
        "On a repeint le mur du salon.",
        "Les enfants jouent dans la cour.",
        "Il range ses outils le soir.",
    ),
    "ur": (
        "دکان صبح دس بجے کھلتی ہے۔",
        "میں نے چاول پکائے ہیں۔",
        "بچے اسکول سے واپس آئے۔",
        "اس کمرے میں دو کھڑکیاں ہیں۔",
        "وہ ہر روز پیدل چلتا ہے۔",
        "کپڑے رسی پر سوکھ رہے ہیں۔",
        "پل کے پاس ایک درخت ہے۔",
        "آپ کا قلم یہاں پڑا ہے۔",
        "ہم کل لاہور جائیں گے۔",
        "پانی کا گلاس خالی ہے۔",
        "دادا باغ میں بیٹھے ہیں۔",
        "یہ سڑک بازار تک جاتی ہے۔",
    ),
}
