# bash completion of vitality. What there is to complete comes from the program: vitality [COMMAND] --list-options.
_vitality() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} IFS=$'\n'
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" --list-options 2>/dev/null | cut -f1)" -- "$word"))
    return
  fi
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" "$command" --list-options 2>/dev/null | cut -f1)" -- "$word"))
    return
  fi
  case $before in
    --config | --workload)
      COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" list "${before#--}s" 2>/dev/null | tail -n +2 | cut -d' ' -f1)" -- "$word"))
      ;;
  esac
  COMPREPLY+=($(compgen -f -- "$word"))
}
complete -o filenames -F _vitality vitality
