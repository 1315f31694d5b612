"""Transcripts by seed: spoken turns with fillers, stutters, tags and times planted in them.

What was said is kept beside each turn, so that words lost and fillers left can be counted. The
sentences hold words that are fillers elsewhere: "I like", "as you know", "had had", "ER".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

NAMES = ("John Smith", "Mary Jones", "Aisha Khan", "Liam O'Brien", "Chen Wei", "Dr. Anna Keller")
SENTENCES = {
    "en": [
        "I like the new camera because it works well in the dark.",
        "As you know, we moved the shop to the old market last year.",
        "The team had had enough time before the launch.",
        "I think that that idea was better than the first one.",
        "It is a kind of music that people play at weddings.",
        "Do you know the way to the station?",
        "She said that people like people who listen.",
        "They took him to the ER at 10:30 in the morning.",
        "Follow, like, and subscribe if you enjoyed this one.",
        "We sold about 300 tickets, and the hall was full.",
        "What I mean is simple, you start with one page.",
        "He was sort of the leader of the group.",
        "You know what happened next.",
        "My sister and I went to the lake with our dog.",
        "It looks like rain, so we stay at home.",
        "The plan was to finish the report by Friday.",
        "This was the best coffee that I had in Rome.",
        "There is nothing like a good walk after dinner.",
        "It was a so-so film, but the songs were very, very good.",
        "Give her her book back before the class starts.",
        "Put the phone away and look at the road.",
        "The screw is 5 mm long and the plate is thin.",
    ],
    "de": [
        "Wir treffen uns um fünf Uhr vor dem Laden.",
        "Ich glaube, dass die, die früh kommen, einen Platz finden.",
        "Er hat das Haus im letzten Jahr gekauft.",
        "Halt bitte an der nächsten Ecke an.",
        "Das ist irgendwie ein gutes Zeichen für uns alle.",
        "Meine Schwester wohnt in Köln und arbeitet bei der Post.",
        "Weißt du noch, wie der Film heißt?",
        "Die Kamera ist besser als die alte, aber sie ist auch teuer.",
        "Am Abend gehen wir mit dem Hund in den Wald.",
        "Man muss nur einmal am Tag die Blumen gießen.",
    ],
    "fr": [
        "Nous nous levons tôt pour aller au marché.",
        "Il a acheté une maison près de la mer.",
        "C'est un genre de musique que tout le monde aime.",
        "Tu vois la petite porte au fond du jardin ?",
        "Ma sœur travaille dans une école depuis deux ans.",
        "Je pense que le film était meilleur que le livre.",
        "Quoi de neuf depuis la semaine dernière ?",
        "On prend le train de huit heures et on rentre le soir.",
        "Vous vous souvenez de la vieille boutique ?",
        "Le café est bon, mais il est un peu cher.",
    ],
    "es": [
        "Este año vamos a la playa con mis padres.",
        "Mi hermana trabaja en una escuela de Madrid.",
        "Creo que la película es mejor que el libro.",
        "¿Sabes dónde está la estación de tren?",
        "El café está bueno, pero es un poco caro.",
        "Compramos una casa cerca del mar el año pasado.",
        "La tienda abre a las nueve y cierra a las ocho.",
        "Todos los días salgo a caminar con el perro.",
        "O sea que no vienes esta noche a la cena.",
        "Pues claro que me gusta la música de este grupo.",
    ],
}
SOUNDS = {
    "en": ["um", "uh", "erm", "uhm", "hmm", "umm", "er"],
    "de": ["äh", "ähm", "öh", "hm", "ähm"],
    "fr": ["euh", "heu", "hum", "euuh"],
    "es": ["eh", "em", "mmm", "ehm"],
}
PHRASES = {
    "en": ["you know", "I mean", "like"],
    "de": ["weißt du", "sozusagen", "sag ich mal"],
    "fr": ["tu vois", "tu sais", "comment dire"],
    "es": ["o sea", "digamos", "ya sabes"],
}
STUTTERED = {
    "en": ["the", "I", "we", "they", "it", "to", "and", "with", "our", "my", "was", "because"],
    "de": ["ich", "wir", "und", "ein", "im", "am", "mit", "der"][:-1],
    "fr": ["je", "il", "le", "un", "une", "dans", "on", "et"],
    "es": ["el", "un", "una", "con", "pero", "y", "en"],
}
STYLES = (
    "SPEAKER_{number:02d}: ",
    "{upper}: ",
    "{name} [{clock}]: ",
    ">> {name}: ",
    "<v {name}>",
    "- {name}: ",
    "{time} From {name} to Everyone:\n\t",
    "[{time}] {name}: ",
    "{time} {name}: ",
    "{name} ({clock}): ",
    "{name}  {clock}\n",
    "**{name}:** ",
    "{name}: ",
    "[{name}]: ",
    "{name} (Host): ",
)


class Turn(NamedTuple):
    """What a recorder wrote of one turn, and what it was."""

    language: str
    text: str  # as written
    speech: str  # what was said, without tag and fillers
    tag: str  # the name as it should be written
    style: str
    planted: tuple[str, ...]  # fillers and stutters, word by word


def turns(count: int, seed: int, language: str = "en") -> list[Turn]:
    """`count` turns of one to four sentences, each in another style of tag."""
    random = np.random.default_rng(seed)
    found = []
    for i in range(count):
        picked = random.choice(SENTENCES[language], int(random.integers(1, 5))).tolist()
        said, planted = [], []
        for sentence in picked:
            spoken, words = _spoken(sentence, language, random)
            said.append(spoken)
            planted += words
        number = int(random.integers(0, len(NAMES)))
        style = STYLES[i % len(STYLES)]
        seconds = int(random.integers(0, 36_000))
        tag = style.format(
            number=number,
            name=NAMES[number],
            upper=NAMES[number].upper(),
            clock=f"{seconds // 600:02d}:{seconds % 60:02d}",
            time=f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}",
        )
        name = f"Speaker {number}" if style.startswith("SPEAKER") else NAMES[number]
        text = tag + " ".join(said) + ("</v>" if style.startswith("<v") else "")
        found.append(Turn(language, text, " ".join(picked), name, style, tuple(planted)))
    return found


def _spoken(sentence: str, language: str, random: np.random.Generator) -> tuple[str, list[str]]:
    """The sentence as somebody says it, and the words that are too many."""
    words = sentence.split()
    written: list[str] = []
    planted: list[str] = []
    for at, word in enumerate(words):
        chance = random.random()
        inside = at > 0 and words[at - 1][-1] not in ",;:"
        if chance < 0.07:
            sound = str(random.choice(SOUNDS[language]))
            planted.append(sound)
            written.append(_placed(sound, at, written, random))
            word = _lowered(word, at)
        elif chance < 0.10 and (inside or at == 0):
            phrase = str(random.choice(PHRASES[language]))
            planted += phrase.split()
            if at == 0:
                written.append(phrase[0].upper() + phrase[1:] + ",")
                word = _lowered(word, at)
            else:
                written[-1] += ","
                written.append(phrase + ",")
        if word.casefold() in map(str.casefold, STUTTERED[language]) and random.random() < 0.12:
            planted.append(word)
            written.append(word + str(random.choice(["", ",", "..."])))
        written.append(word)
    return " ".join(written), planted


def _placed(sound: str, at: int, written: list[str], random: np.random.Generator) -> str:
    """The sound bare, between commas, or as the beginning of the sentence."""
    if at == 0:
        return sound[0].upper() + sound[1:] + str(random.choice(["", ",", "..."]))
    form = int(random.integers(0, 3))
    if form == 0:
        return sound
    if form == 1 and written[-1][-1].isalnum():
        written[-1] += ","
        return sound + ","
    return sound + "..."


def _lowered(word: str, at: int) -> str:
    """The first word of a sentence, no longer its first."""
    return word if at or word == "I" else word[0].lower() + word[1:]
