# Zsh at a prompt of a pseudo-terminal: keys come from stdin, a line of them for each line, and ^Xp writes the line into a file
# and clears it.
if [[ -z $INNER ]]; then
    zmodload zsh/zpty
    zpty inner "INNER=1 ZDOTDIR=${(q)ZDOTDIR} zsh -i"
    zpty -r inner output '*READY*'
    while IFS= read -r keys; do
        zpty -w -n inner "$keys"
        zpty -r inner output '*SHOWN*'
    done
    exit
fi
PS1=
autoload -Uz compinit && compinit -u -D
source <(eks-nodegroup-updater completions zsh)
shown() {
    print -r -- "$BUFFER" >> "$SHOWN"
    BUFFER=
    print SHOWN
}
zle -N shown
bindkey '^Xp' shown
zle -C all-matches complete-word _generic
zstyle ':completion:all-matches::::' completer _all_matches _complete
zstyle ':completion:*:all-matches:*' insert true
bindkey '^Xa' all-matches
zle-line-init() { print READY }
zle -N zle-line-init
