# fish completion of vitality. What there is to complete comes from the program: vitality [COMMAND] --list-options.
function __vitality_options
    set -l words (commandline -opc)
    if test (count $words) -eq 1
        vitality --list-options 2>/dev/null
    else
        vitality $words[2] --list-options 2>/dev/null | string replace -r '\t[01]\t' '\t'
    end
end
complete -c vitality -n '__fish_use_subcommand' -f -a '(__vitality_options)'
complete -c vitality -n 'not __fish_use_subcommand' -a '(__vitality_options)'
complete -c vitality -l config -x -a '(vitality list configs 2>/dev/null | tail -n +2 | cut -d" " -f1; __fish_complete_path)'
complete -c vitality -l workload -x -a '(vitality list workloads 2>/dev/null | tail -n +2 | cut -d" " -f1; __fish_complete_path)'
