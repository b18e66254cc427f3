package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print the completion script of a shell",
		Example: `  source <(spillway completion bash)
  spillway completion fish > ~/.config/fish/completions/spillway.fish`,
		Args:      exactArgs(1, "the name of a shell: bash, zsh, fish or powershell"),
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(out)
			}
			return usage(fmt.Sprintf("unknown shell %q", args[0]), "bash, zsh, fish or powershell")
		},
	}
}

// complete says how a flag's value is completed.
func complete(cmd *cobra.Command, flag string, with cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, with); err != nil {
		panic(err) // the flag does not exist, or is completed already: a mistake in this package
	}
}

// scenarioNames completes the scenarios of the catalogue that --file names, or of the one that is read without it.
func scenarioNames(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	v, err := settings(cmd)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	c, err := catalogue(v)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, s := range c.Scenarios {
		names = append(names, cobra.CompletionWithDesc(s.Name, s.Description))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// one completes the first argument only.
func one(with cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, text string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return with(cmd, args, text)
	}
}

func folders(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

func responders(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{
		cobra.CompletionWithDesc("spillway", "the built-in diagnosis and remedy"),
		cobra.CompletionWithDesc("none", "nobody: the control"),
		cobra.CompletionWithDesc("human", "a game day"),
		cobra.CompletionWithDesc("exec:", "a runbook of your own"),
	}, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
