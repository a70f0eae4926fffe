# What all hosts run. The value of "greeting" is in fleet/, sealed for each host; see README.md.
{
  virtualisation.nspawn.containers.web = {
    credentials.greeting.services = [ "hello" ];

    config = {
      # Put your application here.
      systemd.services.hello = {
        wantedBy = [ "multi-user.target" ];
        serviceConfig.Type = "oneshot";
        script = ''
          echo "The greeting has $(wc -c <"$CREDENTIALS_DIRECTORY/greeting") bytes."
        '';
      };
    };
  };
}
