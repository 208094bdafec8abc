# Completes eks-nodegroup-updater in fish.
complete --command eks-nodegroup-updater --no-files --keep-order --arguments '(
    EKS_NODEGROUP_UPDATER_COMPLETE=fish eks-nodegroup-updater -- (commandline --current-process --cut-at-cursor | string collect) 2> /dev/null < /dev/null
)'
