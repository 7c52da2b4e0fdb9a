#!/usr/bin/env bash
# usage: latex_test.sh SOURCE_DIR VITALITY. The example paper becomes two pages without an overfull box, with all fonts in them; so do
# tables of every width, of names that LaTeX would take for commands. Exit 77 = skipped: no pdflatex or gnuplot (an error where
# VITALITY_NO_SKIP is set).
set -euo pipefail
source_dir=$(cd "$1" && pwd)
export VITALITY
VITALITY=$(realpath "$2")
for tool in pdflatex gnuplot pdffonts pdftocairo pdftotext; do
  command -v $tool >/dev/null && continue
  echo "SKIPPED: $tool is not installed (Debian: apt-get install texlive-latex-base texlive-latex-recommended gnuplot-nox poppler-utils)"
  [ -z "${VITALITY_NO_SKIP:-}" ] || exit 1
  exit 77
done
work=$(mktemp -d /tmp/vitality_latex_XXXXXX)
trap 'rm -rf "$work"' EXIT

# whole LOG: no box is too wide, no reference is missing.
whole() {
  if grep -E '^(Overfull|LaTeX Warning: Reference|LaTeX Warning: There were undefined)' "$1"; then
    echo "FAILED: $1"
    exit 1
  fi
}

"$source_dir/examples/paper/build" "$work/paper"
whole "$work/paper/paper.log"
grep -q 'Output written on paper.pdf (2 pages' "$work/paper/paper.log" || {
  grep 'Output written' "$work/paper/paper.log"
  echo "FAILED: the paper has not two pages"
  exit 1
}
for pdf in "$work"/paper/paper.pdf "$work"/paper/figures/*.pdf; do
  pdffonts "$pdf" | awk -v file="$pdf" 'NR > 2 && $(NF - 4) != "yes" { print "FAILED: " file ": not embedded: " $0; bad = 1 } END { exit bad || NR < 3 }'
  pdfinfo "$pdf" | awk -v file="$pdf" '/^Page size/ && file !~ /paper.pdf/ && ($3 < 236 || $3 > 240) { print "FAILED: " file ": " $0; bad = 1 } END { exit bad }'
done

# Each letter of a figure is a path in its SVG: none is left to a font of the reader's computer.
for pdf in "$work"/paper/figures/*-*.pdf; do
  letters=$(pdftotext "$pdf" - | tr -d '[:space:]' | wc -m)
  drawn=$(grep -c '<use xlink:href="#glyph' "${pdf%.pdf}.svg" || true)
  if [ "$letters" -eq 0 ] || [ "$drawn" -lt "$letters" ] || grep -qE '<text|font-family|@font-face' "${pdf%.pdf}.svg"; then
    echo "FAILED: ${pdf%.pdf}.svg: $drawn of $letters letters are paths"
    exit 1
  fi
done

# Every column, and a name of everything that LaTeX reads as a command.
python3 - "$source_dir/configs/vitality.json" "$work/hostile.json" <<'PY'
import json, sys
config = json.load(open(sys.argv[1]))
config["name"] = "a_b%c&d#e$f{g}h\\i~j^k<l>m|n and a very long name behind it"
json.dump(config, open(sys.argv[2], "w"))
PY
cd "$work"
"$VITALITY" compare --config "$source_dir/configs/vitality.json" --config hostile.json --workload "$source_dir/workloads/tiny_vit.json" --quiet \
  --caption '50 % of {all} & more_' --latex narrow.tex
"$VITALITY" compare --config "$source_dir/configs/vitality.json" --config hostile.json --workload "$source_dir/workloads/tiny_vit.json" --quiet \
  --columns latency_ms,speedup,energy_mj,inf_per_j,gain,chip_gain,gops,gops_per_w,util,density,kept,error --latex wide.tex
for name in narrow wide; do
  printf '%s\n' '\documentclass[twocolumn]{article}' '\usepackage{booktabs,graphicx}' '\begin{document}' "\\input{$name.tex}" 'Text.' '\end{document}' >$name-article.tex
  pdflatex -interaction=nonstopmode -halt-on-error $name-article.tex >out || { tail -20 out; echo "FAILED: $name"; exit 1; }
  whole $name-article.log
done
grep -q 'begin{table\*}' wide.tex && ! grep -q 'begin{table\*}' narrow.tex || { echo "FAILED: floats of one or two columns"; exit 1; }
echo "the paper and the tables fit their columns"
