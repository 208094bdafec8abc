# The candidates of fish for lines that come from stdin, each followed by a mark.
eks-nodegroup-updater completions fish | source
while read --line line
    complete --do-complete $line
    echo "<end>"
end
