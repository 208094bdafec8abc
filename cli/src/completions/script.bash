# Completes eks-nodegroup-updater in bash.
_eks_nodegroup_updater() {
    # The program reads the line itself, because bash also splits words at colons and equals signs. It answers with what
    # replaces $2, quoted, with a space where the word is complete. Reading it into an array does not expand *.
    local IFS=$'\n'
    read -r -d '' -a COMPREPLY <<< "$(
        EKS_NODEGROUP_UPDATER_COMPLETE=bash eks-nodegroup-updater -- "${COMP_LINE:0:COMP_POINT}" "$2" 2> /dev/null < /dev/null
    )"
}
# Bash before 4.4, as on macOS, does not know nosort.
complete -o nospace -o nosort -F _eks_nodegroup_updater eks-nodegroup-updater 2> /dev/null ||
    complete -o nospace -F _eks_nodegroup_updater eks-nodegroup-updater
