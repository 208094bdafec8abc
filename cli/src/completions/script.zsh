#compdef eks-nodegroup-updater
# Completes eks-nodegroup-updater in zsh: source it after compinit, or store it as _eks-nodegroup-updater in a directory of fpath.
_eks-nodegroup-updater() {
    local line="${(j: :)words[1,CURRENT]}"
    local -a candidates=("${(@f)$(
        EKS_NODEGROUP_UPDATER_COMPLETE=zsh eks-nodegroup-updater -- "$line" 2> /dev/null < /dev/null
    )}")
    # A cluster or RULE= is not a whole word: no space follows.
    local -a parts=(${(M)candidates:#*[/=]}) whole=(${candidates:#*[/=]})
    _describe -V candidates parts -S '' -- whole
}
if [[ $funcstack[1] == _eks-nodegroup-updater ]]; then
    _eks-nodegroup-updater "$@"
else
    compdef _eks-nodegroup-updater eks-nodegroup-updater
fi
