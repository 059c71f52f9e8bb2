"""The whole corpus, in a fixed order."""

from tests.corpus.hostile import bundles, containers, markup, mutants, plain, portable, shown, tables

FAMILIES = (
    plain.truncated,
    plain.wrong_type,
    plain.nothing,
    portable.pdfs,
    mutants.pdfs,
    containers.archives,
    markup.markups,
    tables.tables,
    bundles.bundles,
    shown.media,
    shown.names,
)
CASES = [case for family in FAMILIES for case in family()]
